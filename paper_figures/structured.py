"""Structured variants side by side, with one y range: the structured panels of the paper's Figure 1."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from . import doubtful, literature
from .accuracy import PAPER_RANGE, accuracy_numbers, spread
from .blocks import CORE
from .canvas import (
    Size,
    Words,
    change_axis,
    change_limits,
    draw_line,
    legend,
    legend_height,
    page,
    ratio_axis,
)
from .look import pruning_name
from .scene import Scene

_HEIGHTS: dict[Size, float] = {"print": 1.75, "wide": 2.8}


def structured_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the change at the best retrain epochs, for every structured variant of one study."""
    return pd.concat([accuracy_numbers(scene, scene.every()) for scene in scenes], ignore_index=True)


def structured_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a panel for each variant."""
    block = scenes[0].front
    drawn = list(dict.fromkeys(zip(numbers.technique, numbers.source, strict=True)))
    points = [point for scene in scenes for point in literature.points_of(scene.front)]
    note = scenes[0].note(numbers) + literature.note(point for point in points if point.by_compression)
    note += doubtful.told(numbers)
    figure, axes = page(
        Words(title=f"{scenes[0].subject}: structured pruning", subtitle=subtitle, note=note), size,
        columns=len(scenes), panel_height=_HEIGHTS[size], left=0.68, right=0.2, column_gap=0.3,
        head=legend_height(len(drawn), size) + 0.16,
    )  # fmt: skip
    limits = change_limits(numbers, numbers.technique.isin(CORE), paper=PAPER_RANGE[block.unit])
    for place, (panel, scene) in enumerate(zip(axes, scenes, strict=True)):
        change_axis(panel, limits, spread=spread(block), unit=block.unit)
        here = numbers[numbers.heuristic == scene.front.heuristic]
        ratio_axis(panel, list(1 / here.density), levels=[1 / density for density in scene.front.densities])
        for order, drawn_block in enumerate(scene.blocks):
            for technique in drawn_block.techniques:
                rows = here[(here.source == drawn_block.source) & (here.technique == technique)]
                if len(rows):
                    line = rows.set_index("density").reindex(list(drawn_block.densities))
                    behind = order < len(scene.blocks) - 1
                    draw_line(panel, technique, list(1 / line.index), line, source=drawn_block.source, behind=behind)
        literature.draw_by_compression(panel, literature.points_of(scene.front))
        panel.set_title(pruning_name("", scene.front.heuristic).removeprefix(", "), fontsize=7.5, pad=2.5)
        panel.set_ylabel(panel.get_ylabel() if place == 0 else "")
        panel.tick_params(labelleft=place == 0)
    legend(figure, drawn, behind=scenes[0].is_laid_over)
    return figure
