"""The product of what the user asked for, as specs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from tf_lottery.experiments.controls import controls_of, in_other_orders, unpruned
from tf_lottery.experiments.layer_levels import Level
from tf_lottery.experiments.spec import RetrainSpec, Schedule, Spec, TrainSpec
from tf_lottery.networks.recipes import Training
from tf_lottery.rewinding.techniques import TECHNIQUES

KEPT_PER_LEVEL = 0.8  # the paper, section 3: 20% of the remaining weights go at each level

# The rewinding safe zone ends at 0.9 T (the paper, section 5): weights rewound further back lose accuracy.
_SAFE_ZONE_END = 0.9

# Published one-shot densities are 0.8^k to 4 digits: 0.1074 is 0.8^10 = 0.10737.
_SAME = 5e-4


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every combination of these, on one network, dataset and recipe."""

    network: str
    dataset: str
    training: Training
    heuristics: tuple[str, ...]
    schedule: Schedule
    techniques: tuple[str, ...]
    densities: tuple[float, ...]
    retrain_epochs: tuple[float, ...]  # empty: each technique's own default
    trials: int
    seed: int
    layer_levels: tuple[Level, ...] = ()  # in the place of the levels of `densities`; each parent of the next
    remove_dead_units: bool = False
    controls: tuple[str, ...] = ()  # of each level
    data_order_seeds: tuple[int, ...] = ()  # of copies of each level, and of the dense network

    @property
    def size(self) -> int:
        """How many specs it yields, counted without making any."""
        chains = len(self.techniques) * len(self.heuristics) * max(1, len(self.retrain_epochs))
        at_each = 1 + len(self.controls) + len(self.data_order_seeds)
        return self.trials * (1 + chains * (len(self._levels()) * at_each + len(self.data_order_seeds)))

    def specs(self) -> Iterator[Spec]:
        """Yield the networks to be reported: dense ones first, then each level of each technique."""
        for trial in range(1, self.trials + 1):
            dense = TrainSpec(
                network=self.network,
                dataset=self.dataset,
                training=self.training,
                seed=self.seed,
                trial=trial,
            )
            yield dense
            for technique, heuristic in itertools.product(self.techniques, self.heuristics):
                for t in self.retrain_epochs or (default_retrain_epochs(technique, self.training.epochs),):
                    parent: Spec = dense
                    for place, level in enumerate(self._levels()):
                        spec = RetrainSpec(
                            parent=parent,
                            heuristic=heuristic,
                            schedule=self.schedule,
                            technique=technique,
                            density=level.density,
                            retrain_epochs=t,
                            layer_densities=level.layer_densities,
                            trained=level.trained,
                            remove_dead_units=self.remove_dead_units,
                        )
                        if place == 0:
                            yield from in_other_orders(unpruned(spec), self.data_order_seeds)
                        yield spec
                        yield from controls_of(spec, self.controls)
                        yield from in_other_orders(spec, self.data_order_seeds)
                        parent = spec if self.schedule == "iterative" or self.layer_levels else dense

    def _levels(self) -> tuple[Level, ...]:
        return self.layer_levels or tuple(Level(density=d) for d in levels(self.schedule, self.densities))


def default_retrain_epochs(technique: str, total: int) -> int:
    """Return t when the user names none: T, or for rewound weights the last whole epoch of the safe zone."""
    if TECHNIQUES[technique].weights != "rewound":
        return total
    return max(1, math.floor(_SAFE_ZONE_END * total))


def levels(schedule: Schedule, densities: tuple[float, ...]) -> tuple[float, ...]:
    """Return the densities to prune to, in order.

    One-shot and at initialisation: those asked, descending. Iterative: down by 20% of what is left at each level to the
    smallest asked; a density asked for that is none of 0.8^k (to 4 digits, as published) becomes a level of its own on
    the way.
    """
    asked = sorted({float(density) for density in densities}, reverse=True)
    if schedule != "iterative":
        return tuple(asked)
    chain: list[float] = []
    density = 1.0
    while asked:
        following = density * KEPT_PER_LEVEL
        if following <= asked[0] * (1 + _SAME):
            target = asked.pop(0)
            following = following if following >= target * (1 - _SAME) else target
        chain.append(following)
        density = following
    return tuple(chain)
