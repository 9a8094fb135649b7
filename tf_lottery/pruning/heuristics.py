"""Heuristics: a criterion, and over what its lowest scores are sought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.lookup import lookup
from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.criteria import CRITERIA
from tf_lottery.pruning.masks import Kernel, Mask, Scores, keep_highest


@dataclass(frozen=True, kw_only=True)
class Heuristic:
    """A way to choose what is pruned."""

    criterion: str  # a row of CRITERIA
    scope: Literal["global", "layer"]
    meaning: str

    def counts(self, sizes: Sequence[int], density: float) -> list[int]:
        """Return how many weights are kept: of all kernels together (one number), or of each."""
        scopes = [sum(sizes)] if self.scope == "global" else list(sizes)
        return [kept_count(size, density) for size in scopes]


HEURISTICS: Mapping[str, Heuristic] = {
    "global_magnitude": Heuristic(
        criterion="magnitude",
        scope="global",
        meaning="the smallest weights of the whole network go (the paper's)",
    ),
    "layer_magnitude": Heuristic(
        criterion="magnitude",
        scope="layer",
        meaning="the smallest weights of each layer go, each to the density",
    ),
    "random": Heuristic(criterion="random", scope="global", meaning="weights go at random, over the whole network"),
}


def choose(
    kernels: Sequence[Kernel], masks: Sequence[Mask], density: float, *, heuristic: str, seed: int
) -> list[Mask]:
    """Return the new masks: as many weights kept as the density says, none of them pruned before.

    Args:
        kernels: The weights, one array for each prunable kernel.
        masks: What is still kept of each.
        density: Of the whole network (scope global) or each kernel (scope layer), in [0, 1]; never relative to what
            is left.
        heuristic: A row of `HEURISTICS`.
        seed: For criteria that draw.

    Raises:
        ValueError: Unknown heuristic, NaN among the weights, or a density above the present one.
    """
    row = lookup("heuristic", HEURISTICS, heuristic)
    generator = np.random.Generator(np.random.Philox(key=seed))
    criterion = CRITERIA[row.criterion]
    scores: list[Scores] = []
    for kernel, mask in zip(kernels, masks, strict=True):
        scores.append(criterion(kernel, generator))
        scores[-1][mask == 0] = -np.inf
    counts = row.counts([kernel.size for kernel in kernels], density)
    if row.scope == "global":
        return keep_highest(scores, counts[0])
    return [keep_highest([score], count)[0] for score, count in zip(scores, counts, strict=True)]
