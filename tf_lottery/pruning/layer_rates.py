"""Rates by layer: how a density of the whole network is shared out among its kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tf_lottery.pruning.heuristic import Shapes

# (shapes, density of the whole network) -> the density of each kernel, none of them greater at a lower density
Rule = Callable[[Shapes, float], dict[str, float]]


def uniform(shapes: Shapes, density: float) -> dict[str, float]:
    """Give every kernel the density of the network."""
    return dict.fromkeys(shapes, density)


def erdos_renyi_kernel(shapes: Shapes, density: float) -> dict[str, float]:
    """Give a kernel a density in proportion to the sum of its dimensions over their product (ERK).

    Small kernels are kept denser, at most whole: what they cannot take, the others do (Evci et al. 2020, section 3;
    Mocanu et al. 2018 for dense kernels).
    """
    share = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    whole: set[str] = set()
    while True:
        left = density * sum(sizes.values()) - sum(sizes[name] for name in whole)
        weights = sum(share[name] * sizes[name] for name in shapes if name not in whole)
        factor = left / weights if weights else 0.0
        over = {name for name in shapes if name not in whole and factor * share[name] >= 1}
        if not over:
            return {name: 1.0 if name in whole else factor * share[name] for name in shapes}
        whole |= over


@dataclass(frozen=True, kw_only=True)
class PerRound:
    """What a round prunes of what is left: so much of dense kernels, of convolutions, and of the output layer.

    The density of the network says how many rounds, which need not be whole (Frankle & Carbin 2019, Figure 2: the
    output layer at half the rate of the others).
    """

    dense: float
    convolution: float
    output: float  # of the last kernel

    def __call__(self, shapes: Shapes, density: float) -> dict[str, float]:
        """Return each kernel's density after the rounds that the density of the network takes."""
        total = sum(map(math.prod, shapes.values()))
        low, high = 0.0, 1.0
        while self._kept(shapes, high) > density * total and high < _MOST_ROUNDS:
            high *= 2
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._kept(shapes, middle) > density * total else (low, middle)
        return self._after(shapes, low)

    def after(self, shapes: Shapes, rounds: int) -> float:
        """Return the density of the network after so many rounds: the paper's P_m."""
        return self._kept(shapes, rounds) / sum(map(math.prod, shapes.values()))

    def _kept(self, shapes: Shapes, rounds: float) -> float:
        return sum(each * math.prod(shapes[name]) for name, each in self._after(shapes, rounds).items())

    def _after(self, shapes: Shapes, rounds: float) -> dict[str, float]:
        *_, output = shapes
        rates = {
            name: self.output if name == output else self.convolution if len(shape) > 2 else self.dense
            for name, shape in shapes.items()
        }
        return {name: (1 - rate) ** rounds for name, rate in rates.items()}


_MOST_ROUNDS, _BISECTIONS = 2.0**20, 200

LAYER_RATES: Mapping[str, Rule] = {
    "uniform": uniform,
    "erk": erdos_renyi_kernel,
    "half_output": PerRound(dense=0.2, convolution=0.2, output=0.1),
    # Frankle & Carbin 2019, Figure 2: convolutions of Conv-2 and Conv-4, and those of Conv-6.
    "conv_10": PerRound(dense=0.2, convolution=0.1, output=0.1),
    "conv_15": PerRound(dense=0.2, convolution=0.15, output=0.1),
}
