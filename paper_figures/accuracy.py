"""Change of accuracy against compression ratio: the paper's Figures 1, 2 and 5, and their like for each network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from . import doubtful, literature, select
from .blocks import CORE, Block
from .canvas import (
    Size,
    Words,
    change_axis,
    change_limits,
    draw_line,
    end_labels,
    label_margin,
    left_frame,
    page,
    ratio_axis,
)
from .look import name
from .scene import Scene

PAPER_RANGE = {"pp": (-3.0, 1.0), "BLEU": (-6.0, 1.5)}  # of y (the authors' code, vision/plot/gen.py)
_HEIGHTS: dict[Size, float] = {"print": 2.15, "wide": 3.6}


def accuracy_numbers(scene: Scene, techniques: Sequence[str]) -> pd.DataFrame:
    """Return the change of test accuracy at each technique's best retrain epochs, chosen on validation."""
    return _numbers(scene, techniques, select.best_retraining)


def fixed_numbers(scene: Scene, techniques: Sequence[str]) -> pd.DataFrame:
    """Return the change at one t for all techniques: the greatest up to 0.9 T that each has."""
    return _numbers(scene, techniques, partial(select.equal_retraining, techniques=techniques))


def fixed_words(block: Block, techniques: Sequence[str]) -> str:
    """Return which t `fixed_numbers` takes, "" where there is none."""
    place = int(select.equal_retraining(block, techniques)[0, 0])
    return f"No search over t: t = {block.epochs[place]:g} for each, T = {block.total_epochs:g}" if place >= 0 else ""


def algorithm_numbers(scene: Scene) -> pd.DataFrame:
    """Return the change of iterative learning rate rewinding with t = T: the paper's algorithm."""
    return _numbers(scene, ("lr_rewind",), select.full_retraining)


def accuracy_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw medians as lines and the whole range over trials as bands, against compression ratio.

    Args:
        numbers: Of one of the functions above.
        scene: Where they are from.
        subtitle: Which retraining stands for a technique.
        size: For print or wide.
    """
    points = [point for block in scene.blocks for point in literature.points_of(block)]
    block = scene.front
    limits = change_limits(numbers, numbers.technique.isin(CORE), paper=PAPER_RANGE[block.unit])
    note = scene.note(numbers) + left_frame(numbers, limits) + doubtful.told(numbers)
    note += literature.note((point for point in points if point.by_compression), beside=block.network)
    names = [name(technique) for technique in dict.fromkeys(numbers.technique)]
    right = label_margin([*names, *(f"{shown} (published)" for shown in names if scene.is_laid_over)])
    figure, (axes,) = page(
        Words(title=scene.heading, subtitle=subtitle, note=note), size,
        panel_height=_HEIGHTS[size], left=0.68, right=right,
    )  # fmt: skip
    change_axis(axes, limits, spread=spread(block), unit=block.unit)
    ratios = [*1 / numbers.density, *(1 / point.density for point in points if point.by_compression)]
    ratio_axis(axes, ratios, levels=[1 / density for density in block.densities])
    ends = []
    for place, drawn in enumerate(scene.blocks):
        behind = place < len(scene.blocks) - 1
        for technique in drawn.techniques:
            rows = numbers[(numbers.source == drawn.source) & (numbers.technique == technique)]
            if rows.empty:
                continue
            line = rows.set_index("density").reindex(list(drawn.densities))
            draw_line(axes, technique, list(1 / line.index), line, source=drawn.source, behind=behind)
            last = rows.iloc[-1]
            ends.append((technique, 1 / last.density, last.value, " (published)" if behind else ""))
    literature.draw_by_compression(axes, points, beside=block.network)
    end_labels(axes, ends)
    return figure


def spread(block: Block) -> float:
    """Return the standard deviation of the dense networks in the block's unit, 0 if there is but one."""
    return float(np.std(block.dense, ddof=1) * block.scale) if len(block.dense) > 1 else 0.0


def _numbers(scene: Scene, techniques: Sequence[str], choose: Callable[[Block], select.Chosen]) -> pd.DataFrame:
    parts = [select.numbers(block, block.change, choose(block), techniques) for block in scene.blocks]
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
