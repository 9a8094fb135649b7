"""Figures after those of Han et al. 2015, from the tables of `han_numbers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .canvas import Size, Words, page
from .han_numbers import LINES, TWELVEFOLD
from .look import INK, SOFT, network_name

# The hues of their Figure 5, darkened to 3:1 contrast on white; markers tell lines apart in grey.
_LOOK: Mapping[str, tuple[str, Any, str]] = {
    "L2, no retraining": ("#7B3FA0", ":", "s"),
    "L1, no retraining": ("#2F6DB5", ":", "^"),
    "L1, retrained": ("#A07A00", "-", "v"),
    "L2, retrained": ("#2E7D32", "-", "D"),
    "L2, pruned and retrained iteratively": ("#C62828", "-", "o"),
}
_LAYERS = (("#1B3A6B", "o"), ("#D97700", "D"), ("#00805C", "s"), ("#B5559B", "^"))  # by place in the network
_LOWEST = -4.5  # points: as in their Figure 5
_HEIGHTS: dict[Size, float] = {"print": 2.1, "wide": 3.2}


def tradeoff_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw the change of accuracy against the share of weights that is gone, a panel for each network: five lines."""
    networks = list(dict.fromkeys(numbers.network))
    words = Words(
        title="After Han et al. 2015, Figure 5: what is lost when weights go",
        subtitle="LeNets on MNIST; each layer's threshold by its sensitivity, retrained at a tenth of the first rate",
        note=f"{_trials(numbers)} 0: the dense network trained with L2, for all lines. An arrow: below the panel.",
    )
    figure, axes = page(
        words, size, columns=len(networks), panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.35,
        head=0.56,
    )  # fmt: skip
    for panel, network in zip(axes, networks, strict=True):
        panel.set_title(network_name(network), loc="left")
        panel.axhline(0, color=SOFT, linewidth=0.7)
        panel.set_ylim(_LOWEST, 0.7)
        panel.set_xlim(45, 100)
        panel.set_xlabel("weights pruned away [%]")
        for line, (colour, dashes, marker) in _LOOK.items():
            rows = numbers[(numbers.network == network) & (numbers.line == line)].sort_values("pruned")
            _line(panel, 100 * rows.pruned, rows, colour, dashes, marker)
    axes[0].set_ylabel("change of test accuracy [points]")
    drawn = [line for line in LINES if line in set(numbers.line)]
    _legend(figure, {line: _LOOK[line] for line in drawn}, columns=3)
    return figure


def sensitivity_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw the change of validation accuracy as each layer alone is pruned, a panel for each network."""
    networks = list(dict.fromkeys(numbers.network))
    words = Words(
        title="After Han et al. 2015, Figure 6: how sensitive each layer is",
        subtitle="LeNets on MNIST, trained with L2; one layer pruned, without retraining",
        note=f"{_trials(numbers)} Validation images, none of them used to train or to test. A point for each quality "
        "parameter, 0.2 to 4 standard deviations of the layer.",
    )
    figure, axes = page(
        words, size, columns=len(networks), panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.35,
        head=0.16,
    )  # fmt: skip
    for panel, network in zip(axes, networks, strict=True):
        here = numbers[numbers.network == network]
        panel.set_title(network_name(network), loc="left")
        panel.axhline(0, color=SOFT, linewidth=0.7)
        panel.set_ylim(-20, 2)
        panel.set_yticks(range(-20, 1, 5))
        panel.set_xlim(100, 0)
        panel.set_xlabel("weights of the layer that are kept [%]")
        for (layer, rows), (colour, marker) in zip(here.groupby("layer", sort=False), _LAYERS, strict=False):
            _line(panel, 100 * rows.kept, rows, colour, "-", marker)
            panel.plot([], [], color=colour, marker=marker, markersize=3.2, label=layer)
        panel.legend(loc="lower left", frameon=False, fontsize=7)
    axes[0].set_ylabel("change of validation accuracy [points]")
    return figure


def histogram_figure(numbers: pd.DataFrame, size: Size) -> Figure:
    """Draw the weights of a layer before pruning, and those that are left after it."""
    network = network_name(numbers.network.iloc[0])
    words = Words(
        title="After Han et al. 2015, Figure 7: weights of the first dense layer",
        subtitle=f"{network} on MNIST, trained with L2; then iteratively pruned to {TWELVEFOLD:.0%} of the network",
        note="The first trial. Weights that are pruned are not counted; the two y axes have scales of their own.",
    )
    figure, axes = page(
        words, size, columns=2, panel_height=_HEIGHTS[size], left=0.72, right=0.15, column_gap=0.6, head=0.16,
    )  # fmt: skip
    middle = (numbers["from"] + numbers["to"]) / 2
    for panel, column, colour in zip(axes, ("before", "after"), ("#1B3A6B", "#C62828"), strict=True):
        panel.bar(middle, numbers[column], width=numbers["to"] - numbers["from"], color=colour, linewidth=0)
        panel.set_title({"before": "before pruning", "after": "pruned and retrained"}[column], loc="left")
        panel.set_xlabel("weight")
        panel.set_xlim(numbers["from"].iloc[0], numbers["to"].iloc[-1])
    axes[0].set_ylabel("weights")
    return figure


def mask_figure(positions: pd.DataFrame, pixels: pd.DataFrame, size: Size) -> Figure:
    """Draw which connections of the first layer are left, by pixel and unit, and how many each pixel has."""
    side = int(pixels.row.max()) + 1
    words = Words(
        title="After Han et al. 2015, Figure 4: what is left of the first layer",
        subtitle=f"LeNet-300-100 on MNIST, iteratively pruned to {TWELVEFOLD:.0%}; left: a dot for each connection",
        note=f"The first trial. Left: the {side * side} pixels by rows, so that each of the {side} bands is a row of "
        "the image. Right: the same connections by pixel; white has none.",
    )
    figure, axes = page(
        words, size, columns=2, panel_height=_HEIGHTS[size] * 1.15, left=0.72, right=0.5, column_gap=0.6, head=0.16,
    )  # fmt: skip
    pattern, picture = axes
    # Pixels, not 20,000 markers, which would make an SVG of megabytes.
    dots = np.zeros((int(positions.unit.max()) + 1, side * side))
    dots[positions.unit, positions.pixel] = 1
    pattern.imshow(dots, aspect="auto", cmap="Greys", interpolation="antialiased", vmin=0, vmax=0.6, origin="lower")
    pattern.set_xticks(range(0, side * side + 1, side * 7))
    pattern.set_xlabel("pixel, by rows")
    pattern.set_ylabel("unit")
    counts = np.zeros((side, side))
    counts[pixels.row, pixels.column] = pixels.kept
    drawn = picture.imshow(counts, cmap="Greys", vmin=0)
    picture.set_xticks([])
    picture.set_yticks([])
    picture.set_title("by pixel of the image", loc="left")
    for panel in axes:
        panel.grid(visible=False)
    figure.colorbar(drawn, ax=picture, fraction=0.046, label="connections")
    return figure


def _line(panel: Axes, x: pd.Series[float], rows: pd.DataFrame, colour: str, dashes: str, marker: str) -> None:
    if rows.empty:
        return
    low = panel.get_ylim()[0]
    panel.fill_between(x, rows.low, rows.high, color=colour, alpha=0.13, linewidth=0)
    panel.plot(x, rows.value, color=colour, linestyle=dashes, marker=marker, markersize=3.2, linewidth=1.2)
    below = x[rows.value < low]
    panel.plot(below, [low] * len(below), linestyle="", marker=11, markersize=4, color=colour, clip_on=False)


def _legend(figure: Figure, lines: Mapping[str, tuple[str, Any, str]], *, columns: int) -> None:
    width, height = figure.get_size_inches()
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, marker=marker, markersize=3.2, label=line)
        for line, (colour, dashes, marker) in lines.items()
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.02 / width, 1 - 0.4 / height), ncols=columns,
        frameon=False, fontsize=6.8, handlelength=2.6, columnspacing=1.2, borderaxespad=0.2, labelcolor=INK,
    )  # fmt: skip


def _trials(numbers: pd.DataFrame) -> str:
    told = []
    for network, rows in numbers.groupby("network", sort=False):
        most = int(rows.trials.max())
        told.append(f"{network_name(str(network))}: {f'median of {most} trials' if most > 1 else 'one trial'}")
    bands = " (bands: lowest to highest)" if numbers.trials.max() > 1 else ""
    return f"{'; '.join(told)}{bands}."
