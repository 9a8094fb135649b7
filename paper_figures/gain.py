"""Which technique is better at equal retrain epochs: a map of differences over density and t."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from . import doubtful, select
from .blocks import SAFE_ZONE, Block
from .canvas import Size, Words, page, ring
from .look import INK, SOFT, name
from .scene import Scene, told_trials

PAIRS = (("weight_rewind", "fine_tune"), ("lr_rewind", "fine_tune"), ("lr_rewind", "weight_rewind"))
_DARK = 0.625  # of the scale; beyond, white stands out from both colours by 3:1, and up to there, ink does
# The ends of the colours, one scale for all figures, so that a colour is the same gain in each: most published gains
# are within 2 points. Beyond, the ends stand for all.
_END = 2.0
_SHORT = {"fine_tune": "fine-tuning", "weight_rewind": "weight rewinding", "lr_rewind": "rate rewinding"}


def pairs_of(block: Block) -> list[tuple[str, str]]:
    """Return the comparisons that the block has both sides of."""
    return [pair for pair in PAIRS if set(pair) <= set(block.techniques)]


def gain_numbers(scene: Scene) -> pd.DataFrame:
    """Return the median test accuracy of one technique minus that of another, at each density and t.

    `technique` is "better-than" by name: lr_rewind-fine_tune. low and high are the least and greatest difference of any
    two trials of the two.
    """
    block = scene.front
    middle, low, high = select.over_trials(block.change)
    doubts = doubtful.trials_of(block)
    rows = []
    for one, other in pairs_of(block):
        first, second = block.techniques.index(one), block.techniques.index(other)
        for column, density in enumerate(block.densities):
            for place, t in enumerate(block.epochs):
                if np.isnan(value := middle[first, column, place] - middle[second, column, place]):
                    continue
                least = low[first, column, place] - high[second, column, place]
                greatest = high[first, column, place] - low[second, column, place]
                trials = int((~np.isnan(block.test[[first, second], column, place])).sum(axis=-1).min())
                both = [f"{trial} of {side}" for side, row in ((one, first), (other, second))
                        for trial in filter(None, [doubts[row, column, place]])]  # fmt: skip
                rows.append(
                    (
                        *(block.network, block.heuristic, block.schedule, f"{one}-{other}", density, t),
                        *(value, least, greatest, trials, block.search_cost[first, column, place]),
                        *(block.dataset, block.source, block.training, block.seed, "; ".join(both)),
                    )
                )
    return pd.DataFrame(rows, columns=[*select.COLUMNS, *select.MORE_COLUMNS])


def gain_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw a map for each pair: colour and sign say who is better, the frame marks the safe zone."""
    block = scene.front
    pairs = list(dict.fromkeys(numbers.technique))
    below, above = bool((numbers.value < -_END).any()), bool((numbers.value > _END).any())
    is_full = len(numbers) == len(pairs) * len(block.densities) * len(block.epochs)
    note = (
        f"{scene.told_training}"
        f"Difference of test accuracies [{block.unit}], each {told_trials(numbers.trials)}; + and \u2212: every trial "
        "of one is better than every trial of the other, of two or more each. Dashed: 25% to 90% of T, the paper's "
        "safe zone."
        + (" The ends of the scale stand for all beyond." if below or above else "")
        + ("" if is_full else " Hatched: not run.")
        + doubtful.told(numbers)
    )
    figure, axes = page(
        Words(title=scene.heading, subtitle=subtitle, note=note), size, columns=len(pairs),
        panel_height=1.6 if size == "print" else 2.6, left=0.68, right=0.62, head=0.27,
    )  # fmt: skip
    for place, (panel, pair) in enumerate(zip(axes, pairs, strict=True)):
        mesh = _map(panel, numbers[numbers.technique == pair], block)
        one, other = pair.split("-")
        shown = (_SHORT.get(one, name(one)), _SHORT.get(other, name(other)))
        panel.set_title(f"{shown[0]}\nminus {shown[1]}", fontsize=7, pad=3)
        panel.set_xlabel("retrain epochs")
        panel.set_ylabel("compression ratio" if place == 0 else "")
        panel.tick_params(labelleft=place == 0, labelsize=6.5, length=2)
    width, _ = figure.get_size_inches()
    box = axes[-1].get_position()
    bar = figure.colorbar(
        mesh, cax=figure.add_axes((box.x1 + 0.08 / width, box.y0, 0.09 / width, box.height)),
        extend="both" if below and above else "min" if below else "max" if above else "neither",
    )  # fmt: skip
    bar.ax.tick_params(labelsize=6.5, length=2)
    bar.ax.set_title(block.unit, fontsize=6.5, pad=3 + 4 * above)
    bar.outline.set_linewidth(0.5)
    return figure


def is_told(numbers: pd.DataFrame) -> pd.Series[bool]:
    """Say of which differences the sign is beyond the trials: their ranges do not overlap, and there are several."""
    told: pd.Series[bool] = (numbers.trials > 1) & ((numbers.low > 0) | (numbers.high < 0))
    return told


def _map(axes: Axes, rows: pd.DataFrame, block: Block) -> QuadMesh:
    table = np.full((len(block.densities), len(block.epochs)), np.nan)
    signs = np.zeros_like(table)
    places = [
        (block.densities.index(d), block.epochs.index(t))
        for d, t in zip(rows.density, rows.retrain_epochs, strict=True)
    ]
    for place, value, told in zip(places, rows.value, is_told(rows), strict=True):
        table[place] = value
        signs[place] = np.sign(value) if told else 0
    axes.patch.set(hatch="//////", edgecolor=SOFT, linewidth=0)  # seen where nothing is drawn
    mesh = axes.pcolormesh(
        np.arange(table.shape[1] + 1), np.arange(table.shape[0] + 1), table, cmap="PuOr_r",
        norm=TwoSlopeNorm(0.0, -_END, _END), linewidth=0,
    )  # fmt: skip
    for marker, sign in (("+", 1), ("_", -1)):  # as markers: a hundred texts would take a second
        for ink, strong in ((INK, False), ("white", True)):
            at = (signs == sign) & ((np.abs(table) > _DARK * _END) == strong)
            rows_at, columns_at = np.nonzero(at)
            axes.plot(
                columns_at + 0.5,
                rows_at + 0.5,
                linestyle="",
                marker=marker,
                markersize=3,
                markeredgewidth=0.7,
                color=ink,
            )
    ringed = [(t + 0.5, d + 0.5) for (d, t), doubt in zip(places, rows.doubtful, strict=True) if doubt]
    inside = [p for p, t in enumerate(block.epochs) if _is_safe(t, block.total_epochs)]
    if inside:
        axes.plot([inside[0]] * 2, [0, table.shape[0]], color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.plot([inside[-1] + 1] * 2, [0, table.shape[0]], color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.set_xlim(0, table.shape[1])
    axes.set_ylim(table.shape[0], 0)
    ring(axes, ringed)
    axes.grid(visible=False)
    last = len(block.epochs) - 1
    ticks = sorted({round(place) for place in np.linspace(0, last, last + 1 if last < 6 else 4)})
    axes.set_xticks([tick + 0.5 for tick in ticks], [f"{block.epochs[tick]:g}" for tick in ticks])
    every = max(1, -(-len(block.densities) // 10))
    ticks = list(range(0, len(block.densities), every))
    axes.set_yticks([tick + 0.5 for tick in ticks], [f"{1 / block.densities[tick]:.3g}x" for tick in ticks])
    return mesh


def _is_safe(t: float, total: float) -> bool:
    return SAFE_ZONE[0] * total <= t <= SAFE_ZONE[1] * total
