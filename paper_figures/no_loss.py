"""How far networks can be compressed without loss of accuracy, by technique."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import doubtful, select
from .blocks import CORE, Block
from .bootstrap import interval, shared_trials
from .canvas import Size, Words, legend, legend_height, page, ratio_axis, ring
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
    """Return the greatest compression ratio without loss at the best retrain epochs, of which none is no row.

    `low` and `high` are the 5th and 95th percentile of it over trials drawn again, t chosen anew in each draw; 1 is the
    dense network. `each_milder` is where each milder level passes too, 1 where there is none. `is_last` says that
    no stronger level ran, so that it may be more.
    """
    rows = []
    for scene, block in once(scenes):
        chosen, doubts = select.best_retraining(block), doubtful.trials_of(block)
        for technique in (name for name in block.techniques if name in core(scene)):
            lowest, strict = lowest_density(block, technique, chosen)
            if lowest is None:
                continue
            column, row = block.densities.index(lowest), block.techniques.index(technique)
            place = chosen[row, column]
            ran = np.flatnonzero(chosen[row] >= 0)
            trials = shared_trials([block], [technique])
            drawn = interval(partial(_ratio, technique=technique), [block], trials)
            low, high = drawn or (1 / lowest, 1 / lowest)
            rows.append(
                (
                    *(block.network, block.heuristic, block.schedule, technique, lowest, block.epochs[place]),
                    *(1 / lowest, low, high),
                    len(trials),
                    float(block.search_cost[row, column, place]),
                    *(block.dataset, block.source, block.training, block.seed, doubts[row, column, place]),
                    *(1 / strict if strict else 1.0, column == ran[-1]),
                )
            )
    return pd.DataFrame(rows, columns=[*select.COLUMNS, *select.MORE_COLUMNS, "each_milder", "is_last"])


def no_loss_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a row for each way of pruning each network, and a point for each technique."""
    rows = once(scenes)
    drawn = [name for name in CORE if name in set(numbers.technique)]
    drawn += [name for name in dict.fromkeys(numbers.technique) if name not in CORE]
    there = set(zip(numbers.technique, numbers.source, strict=True))
    keys = [(name, source) for source in ("own", "published") for name in drawn if (name, source) in there]
    several = len({source for _, source in keys}) > 1
    note = (
        "Greatest compression ratio whose median test accuracy is not below the mean of the dense networks. Line: 90% "
        "of it over trials drawn again, t chosen anew; without: always the same, or one trial. Bar: to there each "
        "milder level passes too; at 1x: not the first one. \u2265: the strongest level that ran. No point: loses from "
        "the first level on."
    ) + doubtful.told(numbers)  # fmt: skip
    names = [_name(scene, block) for scene, block in rows]
    figure, (axes,) = page(
        Words(title="Compression without loss of accuracy", subtitle=subtitle, note=note), size,
        panel_height=_ROW[size] * len(rows) + 0.1, left=0.25 + 0.055 * max(map(len, names)), right=0.45,
        head=legend_height(keys, size, behind=several),
    )  # fmt: skip
    greatest = max(numbers.value.max(), numbers.high.max())
    ran = {1 / density for _, block in rows for density in block.densities}
    ratio_axis(axes, [1.0, greatest], levels=[1.0, *(ratio for ratio in ran if ratio <= greatest * 1.001)])
    for place, (_, block) in enumerate(rows):
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
        here = numbers[
            (numbers.network == block.network) & (numbers.heuristic == block.heuristic)
            & (numbers.dataset == block.dataset) & (numbers.schedule == block.schedule)
            & (numbers.source == block.source) & (numbers.training == block.training)
            & (numbers.seed.map(str) == str(block.seed))
        ]  # fmt: skip
        shifts = {technique: (step - (len(drawn) - 1) / 2) * 0.24 for step, technique in enumerate(drawn)}
        for _, row in here.iterrows():
            _draw(axes, row, place + shifts[str(row.technique)])
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    legend(figure, keys, behind=several)
    return figure


def _ratio(block: Block, technique: str) -> float:
    lowest, _ = lowest_density(block, technique, select.best_retraining(block))
    return 1 / lowest if lowest else 1.0


def _draw(axes: Axes, row: pd.Series[Any], y: float) -> None:
    settings = line_look(str(row.technique), hollow=row.source == "published")
    axes.plot([row.low, row.high], [y, y], color=settings["color"], linewidth=1.0, solid_capstyle="butt", gid="trials")
    if row.each_milder < row.value:
        axes.plot([row.each_milder], [y], marker="|", markersize=6, markeredgewidth=1.2, color=settings["color"])
    axes.plot([row.value], [y], **{**settings, "linestyle": ""}, zorder=4)
    if row.is_last:
        end = max(row.value, row.high)
        axes.annotate(
            f"\u2265 {row.value:.3g}x", (end, y), xytext=(6, 0), textcoords="offset points", fontsize=6, va="center",
            color=settings["color"], annotation_clip=False,
        )  # fmt: skip
    if row.doubtful:
        ring(axes, [(row.value, y)])


def _name(scene: Scene, block: Block) -> str:
    told = scene.training if block is scene.front else ""
    told = told or (block.source if scene.is_laid_over else "")
    more = f" ({told})" if told else ""
    return f"{network_name(block.network)}, {pruning_name(block.schedule, block.heuristic)}{more}"
