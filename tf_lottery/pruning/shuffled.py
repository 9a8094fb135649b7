"""Masks of a heuristic with the kept places of each kernel shuffled: how many are kept by layer, and not which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.criterion import Collect
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.masks import Kernel, Mask


@dataclass(frozen=True, kw_only=True)
class Shuffled:
    """A control of another heuristic (Frankle et al. 2021, "Pruning Neural Networks at Initialization").

    A weight that was pruned before may be kept. It starts from 0, unless weights are rewound or fresh.
    """

    of: ByWeight
    name: str  # of that heuristic

    @property
    def meaning(self) -> str:
        """What is shuffled."""
        return f"as many of each layer as by {self.name}, at random: its masks shuffled within layers"

    @property
    def any_density(self) -> bool:
        """True."""
        return True

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return those asked for."""
        return self.of.densities(shapes, asked)

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return as many as the heuristic that it is a control of."""
        return self.of.kept(shapes, density)

    def after(self, shapes: Shapes, rounds: int) -> float:
        """Return the density after so many rounds of that heuristic."""
        return self.of.after(shapes, rounds)

    def choose(
        self,
        *,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        density: float,
        seed: int,
        collect: Collect | None = None,
    ) -> dict[str, Mask]:
        """Return the heuristic's masks, each in an order drawn at random."""
        chosen = self.of.choose(kernels=kernels, masks=masks, density=density, seed=seed, collect=collect)
        generator = np.random.Generator(np.random.Philox(key=seed))
        return {name: generator.permutation(mask.ravel()).reshape(mask.shape) for name, mask in chosen.items()}
