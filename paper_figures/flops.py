"""What pruned networks cost to run: speed-up over dense, against compression, fine-tuning and accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import doubtful, select
from .accuracy import PAPER_RANGE, spread
from .blocks import CORE, Block
from .canvas import (
    Size,
    Words,
    change_axis,
    change_limits,
    draw_line,
    end_labels,
    label_margin,
    page,
    ratio_axis,
    ratio_ticks,
)
from .look import INK, name
from .scene import Scene, core, told_trials

_HEIGHTS: dict[Size, float] = {"print": 2.0, "wide": 3.4}


def has_flops(block: Block) -> bool:
    """Say whether any network's FLOPs are known beside the dense one's."""
    return bool(np.isfinite(block.dense_flops) and np.isfinite(block.flops).any())


def speedup_numbers(scene: Scene) -> pd.DataFrame:
    """Return dense FLOPs / FLOPs at the best retrain epochs (the authors' code, vision/plot, flop_plot)."""
    block = scene.front
    rows = select.numbers(block, block.dense_flops / block.flops, select.best_retraining(block), core(scene))
    return rows.assign(doubtful="")  # that is said of accuracies, which are not drawn


def against_fine_tuning_numbers(scene: Scene) -> pd.DataFrame:
    """Return the median FLOPs of the fine-tuned networks of the same density / FLOPs: above 1 is faster than they."""
    block = scene.front
    chosen = select.best_retraining(block)
    tuned = select.over_trials(select.picked(block.flops, chosen))[0][block.techniques.index("fine_tune")]
    return select.numbers(block, tuned[None, :, None, None] / block.flops, chosen, core(scene)).assign(doubtful="")


def flops_accuracy_numbers(scene: Scene) -> pd.DataFrame:
    """Return the change of accuracy of each technique and density, with its speed-up in a column of its own."""
    block = scene.front
    change = select.numbers(block, block.change, select.best_retraining(block), core(scene))
    faster = speedup_numbers(scene).set_index(["technique", "density"]).value.rename("speedup")
    return change.join(faster, on=["technique", "density"]).dropna(subset="speedup")


def flops_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw a ratio of FLOPs against compression; the line of equal ratios shows what unequal layers cost."""
    ratio = "against fine-tuning" in subtitle
    figure, (axes,), ends = _drawn(numbers, scene, subtitle, size, 1 / numbers.density)
    low, high = float(numbers.low.min()), float(numbers.high.max())
    if ratio:
        low, high = min(low, 0.9), max(high, 1.3)  # the paper's range (the authors' code, vision/plot)
        axes.axhline(1, color=INK, linewidth=0.8, zorder=1)
        axes.set_ylabel("speed-up over fine-tuned")
    else:
        ratios = [float(numbers.density.max()), float(numbers.density.min())]
        axes.plot([1 / d for d in ratios], [1 / d for d in ratios], color=INK, linewidth=0.7, linestyle=(0, (1, 3)))
        axes.set_yscale("log")
        axes.set_ylabel("speed-up (dense FLOPs / FLOPs)")
        low, high = low * 0.95, high * 1.3
        ticks = ratio_ticks(low, high, apart=0.16 / _HEIGHTS[size]) or [low, high]
        axes.set_yticks(ticks, [f"{tick:.3g}x" for tick in ticks])
        axes.minorticks_off()
    pad = 0.0 if not ratio else 0.03 * (high - low)
    axes.set_ylim(low - pad, high + pad)
    end_labels(axes, ends)
    return figure


def flops_accuracy_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw change of accuracy against speed-up."""
    block = scene.front
    figure, (axes,), ends = _drawn(numbers, scene, subtitle, size, numbers.speedup, "speed-up (dense FLOPs / FLOPs)")
    limits = change_limits(numbers, numbers.technique.isin(CORE), paper=PAPER_RANGE[block.unit])
    change_axis(axes, limits, spread=spread(block), unit=block.unit)
    end_labels(axes, ends)
    return figure


def _drawn(
    numbers: pd.DataFrame,
    scene: Scene,
    subtitle: str,
    size: Size,
    x: pd.Series[float],
    label: str = "compression ratio",
) -> tuple[Figure, list[Axes], list[tuple[str, float, float, str]]]:
    block = scene.front
    told = told_trials(numbers.trials, " whose FLOPs are known; bands: lowest to highest")
    note = f"{scene.told_training}Lines: {told}. {select.words([block])}." + doubtful.told(numbers)
    if "speed-up" in subtitle and "accuracy" not in subtitle:
        note += " Dotted: FLOPs that fall as the weights do."
    figure, axes = page(
        Words(title=scene.heading, subtitle=subtitle, note=note), size, panel_height=_HEIGHTS[size], left=0.75,
        right=label_margin([name(technique) for technique in dict.fromkeys(numbers.technique)]),
    )  # fmt: skip
    ratio_axis(axes[0], list(x), label, levels=[] if "speed-up" in label else list(x))
    ends = []
    for technique in dict.fromkeys(numbers.technique):
        rows = numbers[numbers.technique == technique]
        where = list(x[rows.index])
        draw_line(axes[0], technique, where, rows, source=block.source, behind=False)
        ends.append((technique, where[-1], float(rows.value.iloc[-1]), ""))
    return figure, axes, ends
