"""Figures after those of Molchanov et al. 2017, from the tables of `molchanov_numbers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .canvas import Size, Words, page
from .look import INK, network_name

# criterion: name, colour, dashes, marker; told apart in grey by markers and dashes.
LINES: Mapping[str, tuple[str, str, Any, str]] = {
    "map_oracle": ("oracle, absolute", "#1B3A6B", "-", "X"),
    "map_oracle_signed": ("oracle, signed", "#7B52C7", ":", "v"),
    "map_taylor": ("Taylor", "#C62828", "-", "o"),
    "map_taylor_flops_small": ("Taylor, less FLOPs", "#D97700", "--", "D"),
    "map_taylor_flops": ("Taylor, less FLOPs", "#D97700", "--", "D"),
    "map_mean": ("mean activation", "#00805C", "-", "s"),
    "map_std": ("deviation of activation", "#00838F", "--", "d"),
    "apoz": ("APoZ", "#6B8E00", ":", "p"),
    "map_weight": ("mean square of weights", "#A0762A", "-", "^"),
    "map_random": ("random", "#5A5A5A", ":", "h"),
}
_UPDATES = (("#D97700", ":", "D"), ("#C62828", "-", "o"), ("#1B3A6B", "--", "X"), ("#00805C", "-", "s"))
_HEIGHTS: dict[Size, float] = {"print": 2.3, "wide": 3.4}
_LOWEST = 5.0  # points below the best network: the panel's end


def criteria_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw test accuracy against the channels and against the FLOPs that are left, a line for each criterion."""
    network = str(numbers.network.iloc[0])
    words = Words(
        title="After Molchanov et al. 2017, Figures 4 and 5: criteria at equal counts",
        subtitle=f"{network_name(network)} on MNIST; 10% of the channels left go at a time, a few updates between",
        note=f"{_trials(numbers)} Rings: fine-tuned for longer at that number of channels. An arrow: below the panel.",
    )
    figure, axes = page(
        words, size, columns=2, panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.35, head=0.58,
    )  # fmt: skip
    best = numbers.value.max()
    drawn = [name for name in LINES if name in set(numbers.criterion)]
    for panel, column in zip(axes, ("channels", "flops"), strict=True):
        panel.set_ylim(best - _LOWEST, best + 0.3)
        _shares(panel, numbers[column], {"channels": "channels left [%]", "flops": "FLOPs left [%]"}[column])
        for name in drawn:
            _, colour, dashes, marker = LINES[name]
            rows = numbers[numbers.criterion == name]
            chain, tuned = (rows[rows.way == way].sort_values("channels") for way in ("chain", "fine_tuned"))
            _line(panel, chain[column], chain, colour, dashes, marker)
            panel.plot(
                tuned[column], tuned.value, color=colour, linestyle="", marker="o", markersize=7, fillstyle="none"
            )
    axes[0].set_ylabel("test accuracy [%]")
    _legend(figure, [LINES[name] for name in drawn])
    return figure


def updates_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw test accuracy against the channels that are left, a line for each number of updates between removals."""
    words = Words(
        title="After Molchanov et al. 2017, Figure 6: updates between removals",
        subtitle=f"{network_name(str(numbers.network.iloc[0]))} on MNIST, by Taylor; 10% of the channels at a time",
        note=f"{_trials(numbers)} An arrow: below the panel.",
    )
    figure, axes = page(
        words, size, columns=1, panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.35, head=0.16,
    )  # fmt: skip
    (panel,) = axes
    best = numbers.value.max()
    panel.set_ylim(best - _LOWEST, best + 0.3)
    _shares(panel, numbers.channels, "channels left [%]")
    panel.set_ylabel("test accuracy [%]")
    for (count, rows), (colour, dashes, marker) in zip(numbers.groupby("updates"), _UPDATES, strict=False):
        _line(panel, rows.channels, rows, colour, dashes, marker)
        panel.plot([], [], color=colour, linestyle=dashes, marker=marker, markersize=3.2, label=f"{count} updates")
    panel.legend(loc="lower left", frameon=False, fontsize=7)
    return figure


def ranks_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw the rank of each channel by the oracle, a column for each layer, its median as a bar."""
    layers = list(dict.fromkeys(numbers.group))
    words = Words(
        title="After Molchanov et al. 2017, Figure 2: ranks of channels by layer",
        subtitle=f"{network_name(str(numbers.network.iloc[0]))} on MNIST, before pruning; rank 1 would go first",
        note="The first trial. By the absolute change of the loss without the channel, over its layer's norm. "
        "A dot for each channel, a bar at each layer's median.",
    )
    figure, axes = page(
        words, size, columns=1, panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.35, head=0.16,
    )  # fmt: skip
    (panel,) = axes
    spread = np.random.default_rng(0)
    for place, layer in enumerate(layers):
        here = numbers[numbers.group == layer]["rank"]
        x = place + spread.uniform(-0.22, 0.22, len(here))
        panel.plot(x, here, linestyle="", marker="o", markersize=2.4, color="#1B3A6B", alpha=0.6, markeredgewidth=0)
        panel.plot([place - 0.32, place + 0.32], [here.median()] * 2, color="#C62828", linewidth=1.6)
    panel.set_xticks(range(len(layers)), layers)
    panel.set_ylabel("rank")
    panel.set_ylim(0, len(numbers) + 1)
    return figure


def _shares(panel: Axes, values: pd.Series[float], label: str) -> None:
    """Have x fall from all to the least of these shares, halves equally far apart."""
    least = max(float(values.min()), 1.0) * 0.9
    panel.set_xscale("log")
    panel.set_xlim(105, least)
    ticks = [tick for tick in (100, 70, 50, 30, 20, 10, 5, 2, 1) if tick >= least]
    panel.set_xticks(ticks, [str(tick) for tick in ticks])
    panel.minorticks_off()
    panel.set_xlabel(label)


def _line(panel: Axes, x: pd.Series[float], rows: pd.DataFrame, colour: str, dashes: str, marker: str) -> None:
    if rows.empty:
        return
    low = panel.get_ylim()[0]
    panel.fill_between(x, rows.low, rows.high, color=colour, alpha=0.13, linewidth=0)
    panel.plot(x, rows.value, color=colour, linestyle=dashes, marker=marker, markersize=3.2, linewidth=1.2)
    below = x[rows.value < low]
    panel.plot(below, [low] * len(below), linestyle="", marker=11, markersize=4, color=colour, clip_on=False)


def _legend(figure: Figure, lines: Sequence[tuple[str, str, Any, str]]) -> None:
    width, height = figure.get_size_inches()
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, marker=marker, markersize=3.2, label=name)
        for name, colour, dashes, marker in lines
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.02 / width, 1 - 0.4 / height), ncols=4,
        frameon=False, fontsize=6.8, handlelength=2.6, columnspacing=1.2, borderaxespad=0.2, labelcolor=INK,
    )  # fmt: skip


def _trials(numbers: pd.DataFrame) -> str:
    most = int(numbers.trials.max())
    return f"Median of {most} trials (bands: lowest to highest)." if most > 1 else "One trial."
