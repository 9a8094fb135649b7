"""Change of accuracy against retrain epochs, a panel for each density: the paper's Figures 3 and 4, the safe zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import doubtful, literature, select
from .accuracy import PAPER_RANGE, spread
from .blocks import CORE, SAFE_ZONE, Block
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
from .look import ZONE
from .scene import Scene

_COLUMNS: dict[Size, int] = {"print": 4, "wide": 5}
_HEIGHTS: dict[Size, float] = {"print": 1.0, "wide": 1.5}
_TICKS: dict[Size, int] = {"print": 3, "wide": 7}  # at most


def epochs_numbers(scene: Scene, techniques: Sequence[str]) -> pd.DataFrame:
    """Return the change of test accuracy of every technique, density and t."""
    parts = [select.numbers_by_epochs(block, techniques) for block in scene.blocks]
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def epochs_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw a panel for each density, a row with one y range; the safe zone, 25% to 90% of T, is grey.

    Args:
        numbers: Of `epochs_numbers`.
        scene: Where they are from.
        subtitle: Which techniques are drawn.
        size: For print or wide.
    """
    block = scene.front
    drawn = [(name, source) for source in _sources(scene) for name in _techniques(numbers, source)]
    densities = [density for density in block.densities if (numbers.density == density).any()]
    columns = min(_COLUMNS[size], len(densities))
    rows = -(-len(densities) // columns)
    totals = {other.total_epochs for other in scene.blocks}
    share = len(totals) > 1  # trainings of different lengths are compared by the share of T
    shown = [of_densities(numbers, scene, densities[first:][:columns]) for first in range(0, len(densities), columns)]
    paper = PAPER_RANGE[block.unit]
    limits = [change_limits(row, held(row, scene.blocks), paper=paper, room=0.15) for row in shown]
    note = scene.note(numbers) + max(map(left_frame, shown, limits))
    note += " Light grey: 25% to 90% of T, the paper's safe zone."
    points = [point for point in literature.points_of(block) if point.retrain_epochs is not None]
    mine = [point for point in points if block.place(point.density) is not None]
    note += literature.note(mine)
    note += doubtful.told(pd.concat(shown))
    figure, axes = page(
        Words(title=scene.heading, subtitle=subtitle, note=note), size, rows=rows, columns=columns,
        panel_height=_HEIGHTS[size], left=0.68, right=0.1,
        head=legend_height(drawn, size, behind=scene.is_laid_over) + 0.16,
    )  # fmt: skip
    # Their epochs are of a training like the paper's, whose results are the first where there are two.
    scale = 100 / scene.blocks[0].total_epochs if share else 1.0
    lines = dict(list(numbers.groupby(["source", "technique", "density"], sort=False)))
    for place, panel in enumerate(axes):
        if place >= len(densities):
            panel.set_visible(False)
            continue
        density = densities[place]
        change_axis(panel, limits[place // columns], spread=spread(block), unit=block.unit)
        draw_panel(panel, lines, scene, density, share)
        here = [point for point in mine if block.place(point.density) == block.place(density)]
        literature.draw_by_epochs(panel, here, scale)
        epochs_axis(panel, scene, size, share, [(point.retrain_epochs or 0.0) * scale for point in mine])
        panel.set_title(f"{1 / density:.3g}x", fontsize=7.5, pad=2.5)
        last_row = place + columns >= len(densities)
        panel.set_xlabel(("share of T [%]" if share else "retrain epochs") if last_row else "")
        panel.set_ylabel(f"change [{block.unit}]" if place % columns == 0 else "")
        panel.tick_params(labelleft=place % columns == 0, labelbottom=last_row, labelsize=7)
    legend(figure, drawn, behind=scene.is_laid_over)
    return figure


def held(numbers: pd.DataFrame, blocks: Sequence[Block]) -> pd.Series:
    """Return which rows a frame must hold: the main techniques, but not where too short a retraining collapses.

    Before the safe zone a row is left out when its lowest trial is further below the zone's rows than these span.

    Args:
        numbers: With technique, source, retrain_epochs, low, high.
        blocks: Where they are from, one a source.
    """
    main = numbers.technique.isin(CORE)
    first = numbers.source.map({block.source: SAFE_ZONE[0] * block.total_epochs for block in blocks})
    late = numbers[main & (numbers.retrain_epochs >= first)]
    lowest, span = late.low.min(), late.high.max() - late.low.min()
    kept: pd.Series = main & ((numbers.retrain_epochs >= first) | (numbers.low >= lowest - span))
    return kept


def of_densities(numbers: pd.DataFrame, scene: Scene, densities: Sequence[float]) -> pd.DataFrame:
    """Return the rows of these densities, which each block may have to digits of its own."""
    there = {
        (block.source, block.densities[place])
        for block in scene.blocks
        for density in densities
        if (place := block.place(density)) is not None
    }
    return numbers[[key in there for key in zip(numbers.source, numbers.density, strict=True)]]


def draw_panel(axes: Axes, lines: Mapping[Any, pd.DataFrame], scene: Scene, density: float, share: bool) -> None:
    """Draw the safe zone and the lines of one density.

    Args:
        axes: Where.
        lines: Rows of `epochs_numbers` by source, technique and density.
        scene: Where they are from.
        density: One of the front block's.
        share: x is the share of T in percent, not epochs.
    """
    unit = 100.0 if share else scene.front.total_epochs
    axes.axvspan(SAFE_ZONE[0] * unit, SAFE_ZONE[1] * unit, color=ZONE, linewidth=0, zorder=0)
    for place, block in enumerate(scene.blocks):
        scale = 100 / block.total_epochs if share else 1.0
        behind = place < len(scene.blocks) - 1
        near = block.place(density)
        for row, technique in enumerate(block.techniques):
            found = None if near is None else lines.get((block.source, technique, block.densities[near]))
            if found is None:
                continue
            # A t that this technique has nowhere is no gap; one that only this density lacks is.
            has = np.isfinite(block.test[row]).any(axis=(0, 2))
            known = [t for t, there in zip(block.epochs, has, strict=True) if there]
            line = found.set_index("retrain_epochs")[["value", "low", "high", "doubtful"]].reindex(known)
            x = [t * scale for t in known]
            draw_line(axes, technique, x, line, source=block.source, behind=behind, band=not behind)
    for drawn in axes.lines[1:]:
        drawn.set_markersize(drawn.get_markersize() * 0.62)
        drawn.set_linewidth(1.0)
        drawn.set_markeredgewidth(0.7)


def epochs_axis(axes: Axes, scene: Scene, size: Size, share: bool, others: Sequence[float] = ()) -> None:
    """Make x the retrain epochs of a scene, or their share of T; it holds `others` too."""
    ts = sorted({t * (100 / block.total_epochs if share else 1.0) for block in scene.blocks for t in block.epochs})
    pad = 0.05 * (ts[-1] - ts[0])
    axes.set_xlim(min([ts[0], *others]) - pad, max([ts[-1], *others]) + pad)
    # Ticks stand on t that ran, those nearest to even steps; of sources with t of their own, on the front's.
    front = [t * (100 / scene.front.total_epochs if share else 1.0) for t in scene.front.epochs]
    even = np.linspace(front[0], front[-1], _TICKS[size])
    inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    least = 0.23 * (axes.get_xlim()[1] - axes.get_xlim()[0]) / inches
    ticks = [front[0]]
    for tick in sorted({min(front, key=lambda t: abs(t - tick)) for tick in even} - {front[0], front[-1]}):
        if tick - ticks[-1] >= least and front[-1] - tick >= least:
            ticks.append(tick)
    ticks += [front[-1]] if front[-1] > front[0] else []
    axes.set_xticks(ticks, [f"{tick:.3g}" if ts[-1] < 1000 else f"{tick:.0f}" for tick in ticks])


def _sources(scene: Scene) -> list[str]:
    return [block.source for block in reversed(scene.blocks)]


def _techniques(numbers: pd.DataFrame, source: str) -> list[str]:
    return list(dict.fromkeys(numbers.technique[numbers.source == source]))
