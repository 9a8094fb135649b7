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
    scan: tuple[float, ...] = ()  # quality parameters that are tried on each layer alone; () for none
    # Of one pruning, put in by `dataclasses.replace`:
    qualities: tuple[tuple[str, float], ...] = ()  # (kernel, quality): what its scores are divided by
    layer_densities: tuple[tuple[str, float], ...] = ()  # (kernel, density), for scope layer; () for one density
    at_most: bool = False  # where fewer weights are left than the density keeps, they stay; otherwise an error

    @property
    def any_density(self) -> bool:
        """True."""
        return True

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return those asked for."""
        del shapes
        return tuple(asked)

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return `kept_count` of all kernels together (scope global), or its sum over them, each at its own density."""
        return sum(self._counts(shapes, density))

    def choose(
        self, *, kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], density: float, seed: int
    ) -> dict[str, Mask]:
        """Return the masks that keep the highest scores."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        criterion = CRITERIA[self.criterion]
        scores: list[Scores] = []
        qualities = dict(self.qualities)
        for name, kernel in kernels.items():
            scores.append(criterion(kernel, masks[name], generator))
            if name in qualities:
                scores[-1] /= scores[-1].dtype.type(qualities[name])
            scores[-1][masks[name] == 0] = -np.inf
        counts = self._counts({name: kernel.shape for name, kernel in kernels.items()}, density)
        if self.at_most:
            left = [int(np.count_nonzero(mask)) for mask in masks.values()]
            left = [sum(left)] if self.scope == "global" else left
            counts = [min(count, most) for count, most in zip(counts, left, strict=True)]
        if self.scope == "global":
            chosen = keep_highest(scores, counts[0])
        else:
            chosen = [keep_highest([score], count)[0] for score, count in zip(scores, counts, strict=True)]
        return dict(zip(kernels, chosen, strict=True))

    def _counts(self, shapes: Shapes, density: float) -> list[int]:
        sizes = [math.prod(shape) for shape in shapes.values()]
        if self.scope == "global":
            return [kept_count(sum(sizes), density)]
        own = dict(self.layer_densities)
        return [kept_count(size, own.get(name, density)) for name, size in zip(shapes, sizes, strict=True)]
