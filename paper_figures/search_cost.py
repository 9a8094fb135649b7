"""Change of accuracy against search cost: one-shot and iterative pruning for the same number of retraining epochs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from . import select
from .accuracy import PAPER_RANGE, spread
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
from .scene import Scene, core

_PANELS = 3  # densities: mild, middle, strong
_TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
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


def search_cost_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the change of every t at a few densities, with its search cost.

    Args:
        scenes: One-shot and iterative pruning of one study.
    """
    wanted = shared_densities(scenes)
    parts = [select.numbers_by_epochs(scene.front, core(scene)) for scene in scenes]
    every = pd.concat(parts, ignore_index=True)
    keep = [any(same_density(density, other) for other in wanted) for density in every.density]
    return every[keep].reset_index(drop=True)


def search_cost_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a panel for each density: one-shot hollow, iterative filled, each point a t."""
    block = scenes[0].front
    wanted = shared_densities(scenes)
    techniques = [technique for technique in block.techniques if technique in set(numbers.technique)]
    schedules = [scene.front.schedule for scene in scenes]
    source = "published" if schedules == ["one_shot"] else "own"  # hollow or filled, as drawn
    listed = [(technique, source) for technique in techniques]
    told = {"one_shot": "t. ", "iterative": "t times the level. Each point is a t. "}.get(
        " ".join(schedules), "t, for iterative pruning t times the level. Hollow: one-shot; filled: iterative. "
    )
    note = f"Search cost: all retraining epochs spent to reach the network, {told}"
    limits = change_limits(numbers, held(numbers, [block]), paper=PAPER_RANGE[block.unit])
    note += scenes[0].note(numbers, bands="", densities=wanted) + left_frame(numbers, limits)
    figure, axes = page(
        Words(title=f"{scenes[0].subject}: search cost", subtitle=subtitle, note=note), size, columns=len(wanted),
        panel_height=_HEIGHTS[size], left=0.68, right=0.2, column_gap=0.24,
        head=legend_height(listed, size, behind=False) + 0.16,
    )  # fmt: skip
    for place, (panel, density) in enumerate(zip(axes, wanted, strict=True)):
        change_axis(panel, limits, spread=spread(block), unit=block.unit)
        panel.set_xscale("log")
        here = numbers[[same_density(density, other) for other in numbers.density]]
        for (technique, schedule), rows in here.groupby(["technique", "schedule"], sort=False):
            # Hollow and filled tell schedules apart here, not sources.
            source = "published" if schedule == "one_shot" else "own"
            line = rows.sort_values("search_cost")
            draw_line(panel, str(technique), list(line.search_cost), line, source=source, behind=False, band=False)
        for drawn in panel.lines[1:]:
            drawn.set_markersize(drawn.get_markersize() * 0.7)
            drawn.set_linewidth(1.0)
        low, high = float(numbers.search_cost.min()), float(numbers.search_cost.max())
        ticks = [tick for tick in _TICKS if low * 0.8 <= tick <= high * 1.25]
        panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        panel.minorticks_off()
        panel.set_xlim(low * 0.8, high * 1.25)
        panel.set_xlabel("search cost [epochs]")
        panel.set_title(f"{1 / density:.3g}x", fontsize=7.5, pad=2.5)
        panel.set_ylabel(f"change [{block.unit}]" if place == 0 else "")
        panel.tick_params(labelleft=place == 0)
    legend(figure, listed, behind=False)
    return figure
