"""How far networks can be compressed without loss of accuracy, by technique."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import select
from .blocks import Block
from .canvas import Size, Words, legend, legend_height, page, ratio_axis
from .look import FAINT, line_look, network_name, pruning_name
from .scene import Scene, core, once

_ROW: dict[Size, float] = {"print": 0.36, "wide": 0.42}


def lowest_density(block: Block, technique: str, chosen: select.Chosen) -> tuple[float | None, float | None]:
    """Return the lowest density whose median test accuracy reaches the dense mean, by two rules.

    Args:
        block: Where the networks are.
        technique: One of the block's.
        chosen: Which t stands for it.

    Returns:
        By the rule as it is told, and with each milder level also passing: the rule is not monotone, and a level that
        misses by a hair (published: 0.01 points) is an accident. None where no density passes.
    """
    medians = select.over_trials(select.picked(block.change, chosen))[0][block.techniques.index(technique)]
    known = ~np.isnan(medians)
    passes = np.flatnonzero(known & (medians >= -1e-9))
    fails = np.flatnonzero(known & (medians < -1e-9))
    strict = passes[passes < fails[0]] if len(fails) else passes
    return (
        block.densities[passes[-1]] if len(passes) else None,
        block.densities[strict[-1]] if len(strict) else None,
    )


def no_loss_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the greatest compression ratio without loss at the best retrain epochs; low is by the stricter rule."""
    rows = []
    for scene, block in once(scenes):
        chosen = select.best_retraining(block)
        for technique in (name for name in block.techniques if name in core(scene)):
            lowest, strict = lowest_density(block, technique, chosen)
            if lowest is None:
                continue
            column, row = block.densities.index(lowest), block.techniques.index(technique)
            place = chosen[row, column]
            rows.append(
                (
                    *(block.network, block.heuristic, block.schedule, technique, lowest, block.epochs[place]),
                    *(1 / lowest, 1 / strict if strict else float("nan"), 1 / lowest),
                    int((~np.isnan(block.test[row, column, place])).sum()),
                    float(block.search_cost[row, column, place]),
                    *(block.dataset, block.source, block.training, block.seed),
                )
            )
    return pd.DataFrame(rows, columns=[*select.COLUMNS, *select.MORE_COLUMNS])


def no_loss_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a row for each way of pruning each network, and a point for each technique."""
    rows = once(scenes)
    drawn = list(dict.fromkeys(numbers.technique))
    listed = [(technique, rows[0][1].source) for technique in drawn]
    note = (
        "Greatest compression ratio whose median test accuracy, at the retrain time with the best validation, is not "
        "below the mean of the dense networks. A line to the left: to where each milder level passes too; from the "
        "edge: there is none. No point: loses from the first level on."
    )
    names = [_name(scene, block) for scene, block in rows]
    figure, (axes,) = page(
        Words(title="Compression without loss of accuracy", subtitle=subtitle, note=note), size,
        panel_height=_ROW[size] * len(rows) + 0.1, left=0.25 + 0.055 * max(map(len, names)), right=0.2,
        head=legend_height(listed, size, behind=False),
    )  # fmt: skip
    ratio_axis(axes, [1.0, *numbers.value])
    start = axes.get_xlim()[0]
    for place, (_, block) in enumerate(rows):
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
        here = numbers[
            (numbers.network == block.network) & (numbers.heuristic == block.heuristic)
            & (numbers.dataset == block.dataset) & (numbers.schedule == block.schedule)
            & (numbers.source == block.source) & (numbers.training == block.training)
            & (numbers.seed.map(str) == str(block.seed))
        ]  # fmt: skip
        shifts = {technique: (step - (len(drawn) - 1) / 2) * 0.22 for step, technique in enumerate(drawn)}
        for _, row in here.iterrows():
            settings = line_look(str(row.technique), hollow=block.source == "published")
            y = place + shifts[str(row.technique)]
            low = start if np.isnan(row.low) else row.low
            axes.plot([low, row.value], [y, y], color=settings["color"], linewidth=1.0, solid_capstyle="butt")
            axes.plot([row.value], [y], **{**settings, "linestyle": ""}, zorder=4)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    legend(figure, listed, behind=False)
    return figure


def _name(scene: Scene, block: Block) -> str:
    told = scene.training if block is scene.front else ""
    told = told or (block.source if scene.is_laid_over else "")
    more = f" ({told})" if told else ""
    return f"{network_name(block.network)}, {pruning_name(block.schedule, block.heuristic)}{more}"
