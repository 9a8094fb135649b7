"""Structured pruning after Li et al. 2017: whole filters of CIFAR ResNets, at a rate for each layer."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf_lottery.pruning.criterion import Collect
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.masks import Kernel, Mask, keep_highest

# How hard: setting i removes 1 - (1 - rate)^i of a layer's filters, in one step (the authors' code).
SETTINGS = (1, 2, 3, 4, 5)
# Published densities differ by up to 0.0020 from those of the released code: of several roundings, it seems.
SAME_SETTING = 0.0025


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Which share of their filters the convolutions of a ResNet lose.

    Convolutions are counted from 1, the stem, projections left out; so the first ones of the blocks have even numbers.
    Only these lose filters, since no shortcut goes around them alone.
    """

    stages: tuple[float, float, float]
    skipped: frozenset[int]  # sensitive ones

    def of(self, stage: int, number: int) -> float:
        """Return the rate of this convolution of this stage, both from 1."""
        return 0.0 if number in self.skipped else self.stages[stage - 1]


@dataclass(frozen=True, kw_only=True)
class ByFilter:
    """The lowest L1 norms of each layer's filters go, as many as a table of rates says.

    A filter goes with the inputs that read it in the next convolution: together they are what the published densities
    count. (The authors' code leaves those inputs alone. They read a constant then, which the batch norm behind them
    takes away again but for the edges of the image; without them, a pruned filter can be removed and nothing changes.)
    """

    rates: Mapping[int, Rates]  # by depth of the ResNet
    meaning: str

    @property
    def any_density(self) -> bool:
        """False: filters are few."""
        return False

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return the densities of the settings asked for, each by a density near to its own, or of all five."""
        settings = [self._setting(shapes, density) for density in asked] or SETTINGS
        return tuple(self._density(shapes, setting) for setting in dict.fromkeys(settings))

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return the weights of the filters that stay and of all other kernels."""
        return self._kept(shapes, self._setting(shapes, density))

    def choose(
        self,
        *,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        density: float,
        seed: int,
        collect: Collect | None = None,
    ) -> dict[str, Mask]:
        """Return the masks that keep the filters of the highest L1 norm, of equals the first, in each layer."""
        del seed, collect
        shapes = {name: kernel.shape for name, kernel in kernels.items()}
        setting = self._setting(shapes, density)
        if sum(int(mask.sum()) for mask in masks.values()) < _size(shapes):
            raise ValueError("weights are pruned already. Expected a dense network: whole filters are pruned once.")
        if any(np.isnan(kernel).any() for kernel in kernels.values()):
            raise ValueError("weights are NaN: the network diverged. Prune from an earlier checkpoint.")
        new = {name: mask.copy() for name, mask in masks.items()}
        for (first, second), removed in self._removed(shapes, setting).items():
            norms = np.abs(kernels[first]).sum(axis=(0, 1, 2), dtype=np.float64)
            (keep,) = keep_highest([norms], norms.size - removed)
            new[first] *= keep
            new[second] *= keep[:, None]
        return new

    def _setting(self, shapes: Shapes, density: float) -> int:
        """Return the setting of this density."""
        own = {setting: self._density(shapes, setting) for setting in SETTINGS}
        nearest = min(own, key=lambda setting: abs(own[setting] - density))
        if abs(own[nearest] - density) > SAME_SETTING:
            listed = ", ".join(f"{each:.4f}" for each in own.values())
            raise ValueError(f"density {density:g}: whole filters are removed here; expected one of {listed}.")
        return nearest

    def _density(self, shapes: Shapes, setting: int) -> float:
        return round(self._kept(shapes, setting) / _size(shapes), 10)

    def _kept(self, shapes: Shapes, setting: int) -> int:
        gone = 0
        for (first, second), removed in self._removed(shapes, setting).items():
            filters = shapes[first][-1]
            gone += removed * (math.prod(shapes[first]) + math.prod(shapes[second])) // filters
        return _size(shapes) - gone

    def _removed(self, shapes: Shapes, setting: int) -> dict[tuple[str, str], int]:
        """Return how many filters go, by a block's first and second kernel.

        Counts are rounded at random, with the same draws every time: Python's generator with seed 0, once for each
        layer that is pruned, in order (the authors' code, l1_filter_pruning.py).
        """
        blocks = _blocks(shapes)
        depth = 2 * len(blocks) + 2
        if depth not in self.rates:
            known = " and ".join(f"resnet{each}" for each in self.rates)
            raise ValueError(f"structured pruning has rates for {known} only, all their layers prunable.")
        draws = random.Random(0)
        removed = {}
        for place, (stage, first, second) in enumerate(blocks, 1):
            if rate := self.rates[depth].of(stage, 2 * place):
                exact = shapes[first][-1] * (1 - (1 - rate) ** setting)
                removed[first, second] = int(exact) + (draws.random() < exact % 1)
        return removed


def _size(shapes: Shapes) -> int:
    return sum(map(math.prod, shapes.values()))


def _blocks(shapes: Shapes) -> list[tuple[int, str, str]]:
    """Return each block's stage and the names of its two kernels, in the order of the network.

    Raises:
        ValueError: A block lacks one of them.
    """
    found: dict[tuple[int, int], dict[str, str]] = {}
    for name in shapes:
        if match := re.match(r"stage_(\d+)_block_(\d+)_conv_([12])/kernel$", name):
            found.setdefault((int(match[1]), int(match[2])), {})[match[3]] = name
    for (stage, block), pair in found.items():
        if pair.keys() != {"1", "2"}:
            raise ValueError(
                f"stage_{stage}_block_{block} has one prunable convolution. Expected both: exclude neither of them."
            )
    return [(stage, pair["1"], pair["2"]) for (stage, _), pair in sorted(found.items())]


# Source of both tables: the authors' code, l1_filter_pruning.py, after Li et al. 2017.
STRUCTURED_A = {
    56: Rates(stages=(0.1, 0.1, 0.1), skipped=frozenset({16, 20, 38, 54})),
    110: Rates(stages=(0.5, 0.0, 0.0), skipped=frozenset({36})),
}
STRUCTURED_B = {
    56: Rates(stages=(0.6, 0.3, 0.1), skipped=frozenset({16, 18, 20, 34, 38, 54})),
    110: Rates(stages=(0.5, 0.4, 0.3), skipped=frozenset({36, 38, 74})),
}
