"""Unstructured pruning: single weights, the lowest scores of the network or of each kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.criteria import CRITERIA
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.masks import Kernel, Mask, Scores, keep_highest


@dataclass(frozen=True, kw_only=True)
class ByWeight:
    """A criterion, and over what its lowest scores are sought."""

    criterion: str  # a row of CRITERIA
    scope: Literal["global", "layer"]
    meaning: str

    @property
    def any_density(self) -> bool:
        """True."""
        return True

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return those asked for."""
        del shapes
        return tuple(asked)

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return `kept_count` of all kernels together (scope global), or its sum over them."""
        return sum(self._counts(shapes, density))

    def choose(
        self, *, kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], density: float, seed: int
    ) -> dict[str, Mask]:
        """Return the masks that keep the highest scores."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        criterion = CRITERIA[self.criterion]
        scores: list[Scores] = []
        for name, kernel in kernels.items():
            scores.append(criterion(kernel, masks[name], generator))
            scores[-1][masks[name] == 0] = -np.inf
        counts = self._counts({name: kernel.shape for name, kernel in kernels.items()}, density)
        if self.scope == "global":
            chosen = keep_highest(scores, counts[0])
        else:
            chosen = [keep_highest([score], count)[0] for score, count in zip(scores, counts, strict=True)]
        return dict(zip(kernels, chosen, strict=True))

    def _counts(self, shapes: Shapes, density: float) -> list[int]:
        sizes = [math.prod(shape) for shape in shapes.values()]
        return [kept_count(size, density) for size in ([sum(sizes)] if self.scope == "global" else sizes)]
