"""Accuracy by criterion, right after pruning and after each retraining: a study of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import doubtful, select
from .blocks import Block
from .canvas import Size, Words, page, ring
from .look import FAINT, INK, NO_TECHNIQUE, dataset_name, line_look, name, network_name, schedule_name
from .scene import Scene, told_trials

_CRITERIA: Mapping[str, str] = {  # heuristics as people write them; others by their names
    "global_magnitude": "magnitude",
    "lamp": "LAMP",
    "global_quality": "magnitude over std (Han)",
    "saliency": "|w g|",
    "snip": "|w g|, 100 examples (SNIP)",
    "fisher": "diagonal Fisher",
    "obd": "optimal brain damage",
    "layer_random": "random, by layer",
    "synflow": "SynFlow",
    "grasp": "GraSP",
}
_ROW: dict[Size, float] = {"print": 0.17, "wide": 0.24}


def started(block: Block) -> npt.NDArray[np.float64]:
    """Return the change of accuracy right after pruning, before retraining [density, trial], in the block's unit.

    Of techniques that begin at the trained weights, which are one network then.
    """
    rows = [place for place, one in enumerate(block.techniques) if not select.rewinds_weights(one) and one != "reinit"]
    cells = (block.start - float(block.dense.mean())) * block.scale
    cells = np.moveaxis(cells[rows], 1, 0)  # [density, technique, t, trial]
    flat = cells.reshape(cells.shape[0], -1, cells.shape[-1])
    return select.over_trials(np.moveaxis(flat, 1, -1))[0] if flat.size else np.full(flat.shape[::2], np.nan)


def ordered(scenes: Sequence[Scene]) -> list[Scene]:
    """Return one scene for each criterion, in the order of their names above, those at random last."""
    known = list(_CRITERIA)

    def place(scene: Scene) -> tuple[bool, int]:
        heuristic = scene.front.heuristic
        return "random" in heuristic, known.index(heuristic) if heuristic in known else len(known)

    return sorted(scenes, key=place)


def is_told(block: Block) -> bool:
    """Say whether weights were pruned, not whole filters, and the accuracy before retraining is known."""
    return not block.is_structured and bool(np.isfinite(block.start).any())


def criterion_name(heuristic: str) -> str:
    """Return the criterion of a heuristic as people write it."""
    return _CRITERIA.get(heuristic, heuristic.replace("_", " "))


def criteria_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the change of accuracy by criterion, technique and density, at one t for all techniques of a criterion.

    The technique `not_retrained` is the pruned network before retraining, where results tell it.
    """
    parts = []
    for scene in ordered(scenes):
        block, main = scene.front, scene.main()
        chosen = select.equal_retraining(block, main)
        before = started(block)
        middle, low, high = select.over_trials(before)
        rows = [
            (
                *(block.network, block.heuristic, block.schedule, NO_TECHNIQUE, density, 0.0),
                *(middle[place], low[place], high[place], int(np.isfinite(before[place]).sum()), 0.0),
                *(block.dataset, block.source, block.training, block.seed, ""),
            )
            for place, density in enumerate(block.densities)
            if np.isfinite(middle[place])
        ]
        first = pd.DataFrame(rows, columns=[*select.COLUMNS, *select.MORE_COLUMNS])
        parts += [part for part in (first, select.numbers(block, block.change, chosen, main)) if len(part)]
    return pd.concat(parts, ignore_index=True)


def criteria_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a row of panels for each density, a panel before retraining and one after each technique.

    Args:
        numbers: Of `criteria_numbers`.
        scenes: Where they are from, one a criterion.
        subtitle: What is compared.
        size: For print or wide.
    """
    scenes, block = ordered(scenes), scenes[0].front
    names = [criterion_name(scene.front.heuristic) for scene in scenes]
    techniques = list(dict.fromkeys(numbers.technique))
    densities = sorted(set(numbers.density), reverse=True)
    mean, count = block.dense.mean() * block.scale, len(block.dense)
    note = (
        f"Points: {told_trials(numbers.trials)}; lines: lowest to highest. 0: mean of "
        f"{count} dense network{'s' * (count > 1)}, {mean:.2f} %. Each panel has its own range: "
        "those before retraining span many times what those after it do."
        f"{_left_out(numbers)}"
    ) + doubtful.told(numbers)
    figure, axes = page(
        Words(title=_title(scenes), subtitle=subtitle, note=note), size, rows=len(densities), columns=len(techniques),
        panel_height=_ROW[size] * len(scenes) + 0.08, left=0.2 + 0.052 * max(map(len, names)), right=0.12,
        column_gap=0.12, row_gap=0.42, head=0.16,
    )  # fmt: skip
    places = {scene.front.heuristic: place for place, scene in enumerate(scenes)}
    for place, panel in enumerate(axes):
        row, column = divmod(place, len(techniques))
        here = numbers[(numbers.density == densities[row]) & (numbers.technique == techniques[column])]
        look = _look(techniques[column], hollow=block.source == "published")
        panel.set_xlim(*(limits := _limits(here)))
        for _, point in here.iterrows():
            y = places[str(point.heuristic)]
            if point.value < limits[0]:
                panel.plot([limits[0]], [y], **look | {"marker": 4, "markersize": 5}, zorder=3)
                told = f"{point.value:.{0 if point.value <= -10 else 1}f}".replace("-", "\u2212")
                panel.annotate(
                    told, (limits[0], y), xytext=(7, 0), textcoords="offset points", fontsize=6, va="center",
                    color=look["color"],
                )  # fmt: skip
                continue
            panel.plot([point.low, point.high], [y, y], color=look["color"], linewidth=1.0, solid_capstyle="butt")
            panel.plot([point.value], [y], zorder=3, **look)
            if point.doubtful:
                ring(panel, [(point.value, y)])
        panel.axvline(0, color=INK, linewidth=0.8, zorder=1)
        panel.set_yticks(range(len(scenes)), names if column == 0 else [""] * len(scenes))
        panel.set_ylim(len(scenes) - 0.5, -0.5)
        panel.grid(visible=False, axis="y")
        panel.hlines(range(len(scenes)), 0, 1, transform=panel.get_yaxis_transform(), color=FAINT, linewidth=0.6,
                     zorder=0)  # fmt: skip
        panel.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        panel.tick_params(axis="y", length=0)
        panel.tick_params(labelsize=6.5)
        panel.set_title(name(techniques[column]) if row == 0 else "", fontsize=6.8, pad=3)
        panel.set_xlabel(f"change at {1 / densities[row]:.3g}x [{block.unit}]", fontsize=6.5)
        panel.spines["left"].set_visible(False)
    return figure


def told(numbers: pd.DataFrame, scenes: Sequence[Scene]) -> str:
    """Return the figure's numbers at the strongest compression, criterion by criterion, for its alternative text."""
    density = min(numbers.density)
    here = numbers[numbers.density == density]
    unit = scenes[0].front.unit
    sentences = []
    for technique, rows in here.groupby("technique", sort=False):
        t = "" if technique == NO_TECHNIQUE else f", t = {rows.retrain_epochs.iloc[0]:g}"
        each = "; ".join(f"{criterion_name(str(r.heuristic))} {r.value:+.2f} {unit}" for r in rows.itertuples())
        sentences.append(f"{name(str(technique))}{t}: {each}")
    return f"At {1 / density:.3g}x, {'. '.join(sentences)}."


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the x range of a panel: of all criteria but those at random, which may fall far below all others."""
    held = rows[~rows.heuristic.str.contains("random")]
    held = held if len(held) else rows
    low, high = min(0.0, float(held.low.min())), max(0.0, float(held.high.max()))
    pad = 0.1 * (high - low) or 0.5
    return low - pad, high + pad


def _left_out(numbers: pd.DataFrame) -> str:
    panels = numbers.groupby(["density", "technique"])
    left = any(bool((rows.value < _limits(rows)[0]).any()) for _, rows in panels)
    return " Carets: lower than the panel, by how much is beside them." if left else ""


def _title(scenes: Sequence[Scene]) -> str:
    block = scenes[0].front
    return (
        f"{network_name(block.network)} on {dataset_name(block.dataset)}: {schedule_name(block.schedule)}, by criterion"
    )


def _look(technique: str, *, hollow: bool) -> dict[str, Any]:
    if technique == NO_TECHNIQUE:
        return {"color": INK, "marker": "s", "markersize": 4.0, "linestyle": ""}
    return line_look(technique, hollow=hollow) | {"linestyle": ""}
