"""Unstructured pruning: single weights, the lowest scores of the network or of each kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.criteria import CRITERIA
from tf_lottery.pruning.criterion import Collect, Examples, Seen
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.layer_rates import LAYER_RATES
from tf_lottery.pruning.masks import Kernel, Mask, Scores, keep_highest

Scope = Literal["global", "layer", "normalised"]


@dataclass(frozen=True, kw_only=True)
class ByWeight:
    """A criterion, over what its lowest scores are sought, and all else that fixes a score."""

    criterion: str  # a row of CRITERIA
    # global: over all kernels; layer: in each one; normalised: over all, each kernel's scores divided by their l2 norm.
    scope: Scope
    layer_rates: str = "uniform"  # of scope layer: a row of LAYER_RATES
    examples: Examples | None = None  # that the criterion's quantity is collected over
    rounds: int = 1  # prunings on the way, at densities in a geometric sequence, each with scores of its own
    scan: tuple[float, ...] = ()  # quality parameters that are tried on each layer alone; () for none
    does: str
    # Of one pruning, put in by `dataclasses.replace`:
    qualities: tuple[tuple[str, float], ...] = ()  # (kernel, quality): what its scores are divided by
    layer_densities: tuple[tuple[str, float], ...] = ()  # (kernel, density), for scope layer; () for one density
    at_most: bool = False  # where fewer weights are left than the density keeps, they stay; otherwise an error

    @property
    def meaning(self) -> str:
        """What goes, and what the scores rest on."""
        return f"{self.does}; {self.examples}" if self.examples else self.does

    @property
    def any_density(self) -> bool:
        """True."""
        return True

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return those asked for."""
        del shapes
        return tuple(asked)

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return `kept_count` of all kernels together, or with scope layer its sum over them, each at its density."""
        return sum(self._counts(shapes, density))

    def choose(
        self,
        *,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        density: float,
        seed: int,
        collect: Collect | None = None,
    ) -> dict[str, Mask]:
        """Return the masks that keep the highest scores."""
        generator = np.random.Generator(np.random.Philox(key=seed))
        shapes = {name: kernel.shape for name, kernel in kernels.items()}
        present = sum(int(np.count_nonzero(mask)) for mask in masks.values()) / sum(map(math.prod, shapes.values()))
        chosen = dict(masks)
        for done in range(1, self.rounds):
            on_the_way = present ** (1 - done / self.rounds) * density ** (done / self.rounds)
            chosen = self._choose(kernels, chosen, self._counts(shapes, on_the_way), generator, collect)
        return self._choose(kernels, chosen, self._counts(shapes, density), generator, collect)

    def _choose(
        self,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        counts: list[int],
        generator: np.random.Generator,
        collect: Collect | None,
    ) -> dict[str, Mask]:
        criterion, quantities = CRITERIA[self.criterion], None
        if criterion.quantity is not None:
            if collect is None:
                raise ValueError(f"criterion {self.criterion} looks at the network. Expected one to collect from.")
            quantities = collect(criterion.quantity, self.examples, masks)
        scores: list[Scores] = []
        qualities = dict(self.qualities)
        for name, kernel in kernels.items():
            gone = masks[name] == 0
            if self.rounds > 1:
                kernel = np.where(gone, 0, kernel)
            # Taken out: beside the scores, what they are made of is there for one kernel only.
            quantity = None if quantities is None else quantities.pop(name)
            seen = Seen(kernel=kernel, mask=masks[name], generator=generator, quantity=quantity)
            scores.append(criterion.score(seen))
            del quantity, seen
            if self.scope == "normalised":
                scores[-1] = _normalised(scores[-1], gone)
            if name in qualities:
                scores[-1] /= scores[-1].dtype.type(qualities[name])
            scores[-1][gone] = -np.inf
        if self.at_most:
            left = [int(np.count_nonzero(mask)) for mask in masks.values()]
            left = left if self.scope == "layer" else [sum(left)]
            counts = [min(count, most) for count, most in zip(counts, left, strict=True)]
        if self.scope == "layer":
            chosen = [keep_highest([score], count)[0] for score, count in zip(scores, counts, strict=True)]
        else:
            chosen = keep_highest(scores, counts[0])
        return dict(zip(kernels, chosen, strict=True))

    def _counts(self, shapes: Shapes, density: float) -> list[int]:
        sizes = {name: math.prod(shape) for name, shape in shapes.items()}
        if self.scope != "layer":
            return [kept_count(sum(sizes.values()), density)]
        rates = LAYER_RATES[self.layer_rates](shapes, density) | dict(self.layer_densities)
        return [kept_count(size, rates[name]) for name, size in sizes.items()]


def _normalised(scores: Scores, gone: Mask) -> Scores:
    """Return scores over the l2 norm of those of the weights that are not gone."""
    norm = np.linalg.norm(np.where(gone, 0, scores).astype(np.float64))
    return np.asarray(scores / norm if norm > 0 else scores)
