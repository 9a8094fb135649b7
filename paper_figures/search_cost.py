"""Change of accuracy against search cost: one-shot and iterative pruning for the same number of retraining epochs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from tf_lottery.pruning.by_filter import SAME_SETTING

from . import doubtful
from .accuracy import spread
from .blocks import same_density
from .canvas import (
    Size,
    Words,
    change_axis,
    change_limits,
    draw_line,
    left_frame,
    legend,
    legend_height,
    page,
)
from .epochs import held
from .look import pruning_name, schedule_name
from .scene import Scene, core
from .select import epochs_of, numbers_by_epochs

_PANELS = 3  # densities: mild, middle, strong
_TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
_DASHES = {"one_shot": (0, (1, 1.5)), "iterative": "-"}  # hollow and filled tell sources apart, as everywhere
_HEIGHTS: dict[Size, float] = {"print": 1.6, "wide": 2.6}


def shared_densities(scenes: Sequence[Scene]) -> list[float]:
    """Return the densities to show, of those that each schedule has: spread over their range, descending."""
    first, *others = (scene.front.densities for scene in scenes)
    shared = [d for d in first if all(any(same_density(d, other) for other in more) for more in others)]
    if len(shared) <= _PANELS:
        return shared
    # From about 2x on, as in print: above, nothing is lost by any technique.
    last = len(shared) - 1
    start = min(next((place for place, density in enumerate(shared) if density < 0.6), 0), last - _PANELS + 1)
    return [shared[place] for place in sorted({start, (start + last + 1) // 2, last})]


def words(scenes: Sequence[Scene]) -> str:
    """Return what is compared: schedules, and each t that they ran for."""
    schedules = " and ".join(schedule_name(scene.front.schedule) for scene in scenes)
    blocks = [block for scene in scenes for block in scene.blocks]
    most = max(len(epochs_of(block, row)) for block in blocks for row in range(len(block.techniques)))
    each = f"a point for each of up to {most} retrain times" if most > 1 else "one retrain time for each technique"
    return f"{schedules[:1].upper()}{schedules[1:]} pruning, {each}"


def search_cost_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the change of every t at a few densities, with its search cost.

    Args:
        scenes: One-shot and iterative pruning of one study.
    """
    wanted = shared_densities(scenes)
    parts = [numbers_by_epochs(block, core(scene)) for scene in scenes for block in scene.blocks]
    every = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    keep = [any(_is_one(density, other, scenes) for other in wanted) for density in every.density]
    return every[keep].reset_index(drop=True)


def search_cost_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a panel for each density: one-shot dotted, iterative solid, each point a t; bands are trials."""
    block = scenes[0].front
    wanted = shared_densities(scenes)
    drawn = list(dict.fromkeys(zip(numbers.technique, numbers.source, strict=True)))
    drawn.sort(key=lambda pair: pair[1])  # one's own first
    schedules = [scene.front.schedule for scene in scenes]
    told = {"one_shot": "t. ", "iterative": "t times the level. "}.get(
        " ".join(schedules), "t, for iterative pruning t times the level. Dotted: one-shot; solid: iterative. "
    )
    note = f"Search cost: all retraining epochs spent to reach the network, {told}"
    fronts = [other for scene in scenes[:1] for other in scene.blocks]
    limits = change_limits(numbers, held(numbers, fronts), paper=(0.0, 0.0))
    note += scenes[0].note(numbers, densities=wanted) + left_frame(numbers, limits) + doubtful.told(numbers)
    heuristic = pruning_name("", block.heuristic).removeprefix(", ")
    figure, axes = page(
        Words(title=f"{scenes[0].plain_subject}, {heuristic} pruning: search cost", subtitle=subtitle, note=note), size,
        columns=len(wanted), panel_height=_HEIGHTS[size], left=0.68, right=0.2, column_gap=0.24,
        head=legend_height(drawn, size, behind=scenes[0].is_laid_over) + 0.16,
    )  # fmt: skip
    for place, (panel, density) in enumerate(zip(axes, wanted, strict=True)):
        change_axis(panel, limits, spread=spread(block), unit=block.unit)
        panel.set_xscale("log")
        here = numbers[[_is_one(density, other, scenes) for other in numbers.density]]
        keys = ["source", "technique", "schedule"]
        for (source, technique, schedule), rows in here.groupby(keys, sort=False):
            line = rows.sort_values("search_cost")
            behind = source == "published" and scenes[0].is_laid_over
            before = len(panel.lines)
            draw_line(panel, str(technique), list(line.search_cost), line, source=str(source), behind=behind)
            for artist in panel.lines[before:]:
                if artist.get_linestyle() not in ("None", ""):
                    artist.set(linestyle=_DASHES.get(str(schedule), "-"), linewidth=1.0)
                    artist.set_markersize(artist.get_markersize() * 0.7)
        low, high = float(numbers.search_cost.min()), float(numbers.search_cost.max())
        panel.set_xlim(low * 0.8, high * 1.25)
        ticks = [tick for tick in _TICKS if low * 0.8 <= tick <= high * 1.25]
        ticks = ticks if len(ticks) <= 5 else [tick for tick in ticks if str(tick)[0] == "1"]
        panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        panel.minorticks_off()
        panel.set_xlabel("search cost [epochs]")
        panel.set_title(f"{1 / density:.3g}x", fontsize=7.5, pad=2.5)
        panel.set_ylabel(f"change [{block.unit}]" if place == 0 else "")
        panel.tick_params(labelleft=place == 0)
    legend(figure, drawn, behind=scenes[0].is_laid_over)
    return figure


def _is_one(one: float, other: float, scenes: Sequence[Scene]) -> bool:
    """Say whether two densities are one; of structured pruning, one setting whose counts were rounded otherwise."""
    is_structured = scenes[0].front.is_structured
    return same_density(one, other) or (is_structured and abs(one - other) <= SAME_SETTING)
