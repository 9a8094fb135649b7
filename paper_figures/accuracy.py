"""Accuracy change against compression ratio: the paper's Figures 1 and 2."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from paper_figures.look import look, name
from tf_lottery.results import best_retraining, with_change

_TICKS = (1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200)


def accuracy_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return min, median and max change of test accuracy [percentage points] over trials.

    Args:
        table: Results of one network on one dataset with one heuristic and schedule, and its dense networks.

    Returns:
        One row per technique and density, at the retrain epochs that validation chooses: technique, density,
        compression_ratio, retrain_epochs, min, median, max, trials.
    """
    pruned = best_retraining(with_change(table).query("technique != 'dense'"))
    cells = pruned.groupby(["technique", "density", "retrain_epochs"]).change
    numbers = cells.agg(["min", "median", "max"]).mul(100).assign(trials=cells.count()).reset_index()
    numbers.insert(2, "compression_ratio", 1 / numbers.density)
    return numbers.sort_values(["technique", "density"], ascending=[True, False], ignore_index=True)


def accuracy_figure(numbers: pd.DataFrame, title: str = "") -> Figure:
    """Draw medians as lines and the whole range over trials as bands.

    Args:
        numbers: Of `accuracy_numbers`.
        title: Above the axes.
    """
    figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="compression ratio", ylabel="change of test accuracy [pp]")
    axes.set_title(title, fontsize=10, loc="left")
    axes.axhline(0, color="#444444", linewidth=0.8)
    ends: list[tuple[str, float]] = []
    for technique, line in numbers.groupby("technique", sort=False):
        colour, marker = look(str(technique))
        ratio = line.compression_ratio
        axes.fill_between(ratio, line["min"], line["max"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(ratio, line["median"], color=colour, marker=marker, markersize=5, linewidth=1.4)
        ends.append((str(technique), float(line["median"].iloc[-1])))
    axes.margins(x=0.02)
    ratios = sorted(set(numbers.compression_ratio))
    ticks = [tick for tick in _TICKS if ratios[0] * 0.99 <= tick <= ratios[-1] * 1.01] or ratios
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_ylim()
    for (technique, _), height in zip(ends, _apart([end for _, end in ends], (high - low) * 0.07), strict=True):
        axes.annotate(
            name(technique),
            (1.01, height),
            xycoords=("axes fraction", "data"),
            color=look(technique)[0],
            va="center",
            fontsize=9,
        )
    trials = int(numbers.trials.max())
    if trials > 1:
        figure.supxlabel(f"lines: median of {trials} trials; bands: lowest to highest", fontsize=7, x=0.01, ha="left")
    return figure


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Return the heights moved as little as needed to be `least` apart, their order kept."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = list(heights)
    for below, above in itertools.pairwise(order):
        placed[above] = max(placed[above], placed[below] + least)
    shift = sum(placed) / max(1, len(placed)) - sum(heights) / max(1, len(heights))
    return [height - shift for height in placed]
