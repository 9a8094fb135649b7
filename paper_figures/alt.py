"""What a figure shows, in words, for those who do not see it: numbers at one place, which is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from . import criteria, other_schedules
from .blocks import CORE, SAFE_ZONE, Block
from .look import name, network_name, pruning_name
from .scene import Scene


def told(family: str, numbers: pd.DataFrame, scenes: Sequence[Scene]) -> str:
    """Return the sentences of a figure's alternative text that have its numbers, with the unit, t and the schedule.

    Args:
        family: Of `families.FAMILIES`.
        numbers: What is drawn.
        scenes: Where it is from.
    """
    if family == "no_loss":
        return _no_loss(numbers)
    if family in _TELLERS:
        return _TELLERS[family](numbers, scenes)
    write = _WRITERS.get(family, _change)
    sentences = []
    several = len({block.network for scene in scenes for block in scene.blocks}) > len(scenes[0].blocks)
    for scene in scenes:
        for block in reversed(scene.blocks):
            rows = numbers[
                (numbers.source == block.source) & (numbers.schedule == block.schedule)
                & (numbers.heuristic == block.heuristic) & (numbers.network == block.network)
            ]  # fmt: skip
            if len(rows):
                whose = "Published" if block.source == "published" else "Own"
                of = f"{network_name(block.network)}, " if several else ""
                of += pruning_name(block.schedule, block.heuristic)
                sentences.append(f"{whose}, {of} at {_at_one_place(family, rows, block, write)}.")
    return " ".join(sentences)


def _at_one_place(family: str, rows: pd.DataFrame, block: Block, write: Callable[[Any, str], str]) -> str:
    """Return the numbers at the strongest compression that all main techniques have, and at one t if t is an axis."""
    main = rows[rows.technique.map(lambda pair: set(pair.split("-")) <= set(CORE))]
    density = _shared(main if len(main) else rows, "density")[0]
    here = rows[rows.density == density]
    if family not in _BY_EPOCHS:
        return f"{1 / density:.3g}x: " + "; ".join(f"{write(row, block.unit)}, t = {row.retrain_epochs:g}"
                                                   for row in here.itertuples())  # fmt: skip
    of_main = here[here.technique.isin(set(main.technique))]
    ts = _shared(of_main if len(of_main) else here, "retrain_epochs")
    inside = [t for t in ts if t <= SAFE_ZONE[1] * block.total_epochs + 1e-9]
    t = (inside or ts)[-1]
    told = [write(row, block.unit) for row in here[here.retrain_epochs == t].itertuples()]
    # What did not run for that t is told at the greatest of its own.
    others = here[~here.technique.isin(set(here.technique[here.retrain_epochs == t]))]
    others = others.sort_values("retrain_epochs").drop_duplicates("technique", keep="last")
    told += [f"{write(row, block.unit)}, but t = {row.retrain_epochs:g}" for row in others.itertuples()]
    return f"{1 / density:.3g}x with t = {t:g}: {'; '.join(told)}"


def _shared(rows: pd.DataFrame, column: str) -> list[float]:
    """Return the values that all techniques have, or as many as have one in common; ascending."""
    count = rows.groupby(column).technique.nunique()
    return sorted(count.index[count == count.max()])


def _change(row: Any, unit: str) -> str:
    return f"{name(row.technique)} {row.value:+.2f} {unit}"


def _gain(row: Any, unit: str) -> str:
    return f"{' minus '.join(map(name, row.technique.split('-')))} {row.value:+.2f} {unit}"


def _cost(row: Any, unit: str) -> str:
    return f"{_change(row, unit)} for {row.search_cost:g} epochs"


def _speedup(row: Any, unit: str) -> str:
    return f"{name(row.technique)} a speed-up of {row.value:.2f} over the dense network"


def _ratio(row: Any, unit: str) -> str:
    return f"{name(row.technique)} a speed-up of {row.value:.2f} over the fine-tuned network"


def _faster(row: Any, unit: str) -> str:
    return f"{_change(row, unit)} with a speed-up of {row.speedup:.2f}"


def _no_loss(numbers: pd.DataFrame) -> str:
    """Return the technique that goes furthest for each way of pruning each network."""
    keys = ["source", "network", "dataset", "training", "seed", "schedule", "heuristic"]
    told = []
    for _, rows in numbers.groupby([numbers[key].map(str) for key in keys], sort=False):
        best = rows[rows.value == rows.value.max()]
        first = best.iloc[0]
        names = " and ".join(f"{name(row.technique)} (t = {row.retrain_epochs:g})" for row in best.itertuples())
        least = "\u2265 " if best.is_last.any() else ""
        whose = "" if first.source == "published" else "own "
        told.append(
            f"{whose}{network_name(first.network)}, {pruning_name(first.schedule, first.heuristic)}: "
            f"{least}{first.value:.3g}x by {names}"
        )
    return f"Furthest without loss: {'; '.join(told)}."


_BY_EPOCHS = ("figure3", "figure4", "epochs", "epochs_controls", "gain", "search_cost", "schedules")
_TELLERS: Mapping[str, Callable[[pd.DataFrame, Sequence[Scene]], str]] = {  # of several trainings, or heuristics
    "other_schedules": other_schedules.told,
    "criteria": criteria.told,
}
_WRITERS: Mapping[str, Callable[[Any, str], str]] = {
    "gain": _gain,
    "search_cost": _cost,
    "flops": _speedup,
    "flops_ratio": _ratio,
    "flops_accuracy": _faster,
}
