"""How far two criteria agree: the rank correlation of their scores of the same channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.by_group import ScoredGroup


@dataclass(frozen=True, kw_only=True)
class RankCorrelation:
    """Spearman's rank correlations, -1 to 1; nan where all scores of one are equal, or a layer has but one channel."""

    layers: dict[str, float]  # of the channels of each layer, or of layers that make theirs together
    all: float  # of the channels of all layers together

    @property
    def mean(self) -> float:
        """The mean over layers that have one, as Molchanov et al. 2017 give it in table 1."""
        found = [each for each in self.layers.values() if not np.isnan(each)]
        return float(np.mean(found)) if found else float("nan")


def rank_correlation(one: Sequence[ScoredGroup], other: Sequence[ScoredGroup]) -> RankCorrelation:
    """Return how far two prunings' scores agree; channels that either had removed before are left out.

    Example:
        taylor, oracle = (
            tl.prune(model, 1.0, heuristic=name, data=data).groups for name in ("map_taylor", "map_oracle")
        )
        tl.rank_correlation(taylor, oracle).mean

    Args:
        one: `groups` of what `prune` returns for a heuristic of channels; at density 1 none of them goes.
        other: The same of another heuristic, on the same model.

    Raises:
        ValueError: No layer is in both, or they are not of one model.
    """
    pairs = {
        each.name: (each.scores, next((two.scores for two in other if two.name == each.name), None)) for each in one
    }
    both = {name: (first, second) for name, (first, second) in pairs.items() if second is not None}
    if not both or any(first.shape != second.shape for first, second in both.values()):
        raise ValueError(
            f"scores of {', '.join(each.name for each in one) or 'nothing'} and of "
            f"{', '.join(each.name for each in other) or 'nothing'} are not of the same channels. Expected the groups "
            "of two reports of tl.prune on one model, by heuristics of channels."
        )
    first, second = (np.concatenate([pair[which] for pair in both.values()]) for which in (0, 1))
    return RankCorrelation(layers={name: spearman(*pair) for name, pair in both.items()}, all=spearman(first, second))


def spearman(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation of numbers, [n] each; equal ones have the mean of their ranks.

    Pairs of which one is not finite are left out. nan where fewer than two are left or all of one are equal.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    finite = np.isfinite(first) & np.isfinite(second)
    ranks = [_ranks(values[finite]) for values in (first, second)]
    centred = [each - each.mean() if each.size else each for each in ranks]
    norms = np.linalg.norm(centred[0]) * np.linalg.norm(centred[1])
    return float(centred[0] @ centred[1] / norms) if norms > 0 else float("nan")


def _ranks(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])
