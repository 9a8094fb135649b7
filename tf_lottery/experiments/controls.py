"""Controls: what a pruned network of a chain is compared with, at its density, to see what of it matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tf_lottery.experiments.spec import RetrainSpec
from tf_lottery.pruning.heuristics import control_of


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control of a level of a chain."""

    of: Callable[[RetrainSpec], RetrainSpec]
    heuristic: Callable[[str], str | None] = lambda name: name  # of the chain's; None where there is no such control
    meaning: str


def _reinitialised(level: RetrainSpec) -> RetrainSpec:
    total = level.dense.training.epochs
    return replace(level, schedule="control", technique="random_reinit", retrain_epochs=total)


def _shuffled(level: RetrainSpec) -> RetrainSpec:
    return replace(level, schedule="control", heuristic=_control(level.heuristic, "shuffled"))


def _random(level: RetrainSpec) -> RetrainSpec:
    once = _pruned_once(level)
    return replace(once, heuristic=_control(level.heuristic, "random"))


def _pruned_once(level: RetrainSpec) -> RetrainSpec:
    return replace(level, parent=level.dense, schedule="one_shot")


def _control(heuristic: str, kind: str) -> str:
    found = control_of(heuristic, kind)
    if found is None:
        raise ValueError(f"there is no {kind} control of {heuristic}.")
    return found


CONTROLS: Mapping[str, Control] = {
    "random_reinit": Control(of=_reinitialised, meaning="the same masks over fresh weights, trained for T epochs"),
    "random_mask": Control(
        of=_random,
        heuristic=lambda name: control_of(name, "random"),
        meaning="the same start, masks drawn at random with as many weights by layer",
    ),
    "shuffled_mask": Control(
        of=_shuffled,
        heuristic=lambda name: control_of(name, "shuffled"),
        meaning="the same start, the same masks shuffled within layers",
    ),
    "one_shot": Control(of=_pruned_once, meaning="the same start, pruned once instead of iteratively"),
}


def controls_of(level: RetrainSpec, names: Sequence[str]) -> Iterator[RetrainSpec]:
    """Yield the controls of one level of a chain.

    Raises:
        ValueError: The level's heuristic has no such control.
    """
    for name in names:
        yield CONTROLS[name].of(level)


def in_other_orders(level: RetrainSpec, seeds: Sequence[int]) -> Iterator[RetrainSpec]:
    """Yield copies of a level that see the examples in other orders, otherwise augmented."""
    for seed in seeds:
        yield replace(level, data_order_seed=seed)


def unpruned(level: RetrainSpec) -> RetrainSpec:
    """Return the dense network retrained as this level is."""
    return replace(level, parent=level.dense, schedule="control", density=1.0)
