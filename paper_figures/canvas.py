"""The parts that all figures are made of: margins in inches, axes, lines with bands, labels that do not collide."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from .look import FAINT, INK, SOFT, line_look, name, text_colour

Size = Literal["print", "wide"]
WIDTHS: dict[Size, float] = {"print": 5.5, "wide": 10.0}  # inches; the first is the text width of the paper
# Ticks of compression ratios, the roundest first.
_ROUND = (
    (1, 2, 5, 10, 20, 50, 100, 200, 500),
    (1.25, 1.5, 3, 7, 15, 30, 70, 150, 300),
    (1.1, 1.2, 1.3, 1.4, 1.75, 4),
    (1.05, 1.15, 1.6, 2.5, 6, 8, 12, 25, 40),
)


def bare(figure: Figure) -> Bbox:
    """Take title, subtitle and note off a figure of `page`, and return what is left of its page, in inches.

    Its width stays: the paper's text width.
    """
    for text in list(figure.texts):
        text.remove()
    box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())  # type: ignore[no-untyped-call]
    return Bbox.from_extents(0.0, box.y0 - 0.02, figure.get_figwidth(), box.y1 + 0.02)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is written around a figure."""

    title: str
    subtitle: str
    note: str


def page(
    words: Words, size: Size, *, rows: int = 1, columns: int = 1, panel_height: float, left: float, right: float,
    row_gap: float = 0.27, column_gap: float = 0.1, head: float = 0.0, foot: float = 0.42,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Return a figure with its words written, and its axes by rows.

    Args:
        words: Title and subtitle above, note below.
        size: For print or wide.
        rows: Of panels.
        columns: Of panels.
        panel_height: Of one panel's axes, inches, like all below.
        left: Margin for the y axis.
        right: Margin for labels at the lines' ends.
        row_gap: Between axes.
        column_gap: Between axes.
        head: Room for a legend between subtitle and axes.
        foot: Room for the x axis.
    """
    width = WIDTHS[size]
    lines = textwrap.wrap(words.note, int((width - 0.2) / 0.0495))
    top, bottom = 0.47 + head, foot + 0.06 + 0.125 * len(lines)
    height = top + rows * panel_height + (rows - 1) * row_gap + bottom
    panel_width = (width - left - right - (columns - 1) * column_gap) / columns
    figure = Figure(figsize=(width, height), dpi=160)
    axes = [
        figure.add_axes(
            (
                (left + column * (panel_width + column_gap)) / width,
                (height - top - row * (panel_height + row_gap) - panel_height) / height,
                panel_width / width,
                panel_height / height,
            )
        )
        for row in range(rows)
        for column in range(columns)
    ]
    for panel in axes:  # fixed places, for finding them takes a tenth of the time
        panel.xaxis.set_label_coords(0.5, -(foot - 0.2) / panel_height)
        panel.yaxis.set_label_coords(-(left - 0.21) / panel_width, 0.5)
    figure.text(0.08 / width, 1 - 0.07 / height, words.title, fontsize=9, fontweight="bold", va="top")
    figure.text(0.08 / width, 1 - 0.25 / height, words.subtitle, fontsize=7.5, color=SOFT, va="top")
    figure.text(0.08 / width, 0.05 / height, "\n".join(lines), fontsize=6.3, color=SOFT, va="bottom", linespacing=1.25)
    return figure, axes


def ratio_axis(
    axes: Axes, ratios: Sequence[float], label: str = "compression ratio", *, levels: Sequence[float] = ()
) -> None:
    """Make x a log axis of ratios, with plain numbers.

    Args:
        axes: Whose x it is.
        ratios: What it must hold.
        label: What they are.
        levels: Those that ran: ticks stand on as many as there is room for; where there are none, on round numbers.
    """
    low, high = min(ratios), max(ratios)
    if high / low < 1.02:
        low, high = low / 1.1, high * 1.1
    reach = np.log(high / low)
    axes.set_xscale("log")
    axes.set_xlim(low * np.exp(-0.03 * reach), high * np.exp(0.03 * reach))
    inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    apart = 0.36 / inches
    ticks = level_ticks(levels, least=apart * reach) if len(levels) else ratio_ticks(low, high, apart=apart)
    axes.xaxis.set_major_locator(FixedLocator(ticks or [low, high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:.3g}x"))
    axes.set_xlabel(label)


def level_ticks(levels: Sequence[float], *, least: float) -> list[float]:
    """Return levels for a log axis: both ends, and between them as many as are at least so far apart, in logarithm."""
    first, *others = sorted(set(levels))
    if not others or np.log(others[-1] / first) < least:
        return [others[-1] if others else first]
    ticks = [others.pop()]
    for level in reversed(others):
        if min(np.log(ticks[-1] / level), np.log(level / first)) >= least:
            ticks.append(level)
    return [first, *reversed(ticks)]


def ratio_ticks(low: float, high: float, *, apart: float) -> list[float]:
    """Return round ratios from low to high for a log axis, at least this share of its length apart."""
    ticks: list[float] = []
    for candidates in _ROUND:
        for tick in candidates:
            inside = low * 0.995 <= tick <= high * 1.005
            if inside and all(abs(np.log(tick / other)) >= apart * np.log(high / low) for other in ticks):
                ticks.append(tick)
    return sorted(ticks)


def change_limits(
    numbers: pd.DataFrame, main: Sequence[bool] | pd.Series, *, paper: tuple[float, float], room: float = 0.5
) -> tuple[float, float]:
    """Return the y range: the paper's for its data, or what the main rows need, and `room` more for others.

    Others may leave the frame. Low-rate weight rewinding falls to chance (published: -67 points), and so may what is
    retrained for too few epochs: a frame that holds these would flatten all else.

    Args:
        numbers: What is drawn.
        main: Which of its rows the frame must hold; where none is, all.
        paper: The range of the paper's own figures.
        room: For the others, as a share of the range of the main rows.
    """
    if not (numbers.source == "published").any():
        paper = (0.0, 0.0)  # one's own results alone have a frame of their own
    held = numbers[np.asarray(main, dtype=bool)] if np.any(main) else numbers
    low, high = min(paper[0], float(held.low.min())), max(paper[1], float(held.high.max()))
    others = numbers.low[numbers.low >= low - room * (high - low)]
    low = min(low, float(others.min())) if len(others) else low
    pad = 0.04 * (high - low) or 0.5  # where all is one number
    return low - pad, high + pad


def left_frame(numbers: pd.DataFrame, limits: tuple[float, float]) -> str:
    """Return the sentence about what the frame does not hold, "" for none; `draw_line` puts carets for medians."""
    if (numbers.value < limits[0]).any():
        return " Carets at the foot: lower than the frame."
    return " Some bands go on below the frame." if (numbers.low < limits[0]).any() else ""


def change_axis(axes: Axes, limits: tuple[float, float], *, spread: float, unit: str) -> None:
    """Make y a change against the dense networks: 0 is their mean, the grey band their standard deviation."""
    axes.set_ylim(*limits)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.axhspan(-spread, spread, color=FAINT, alpha=0.7, linewidth=0, zorder=0.5)
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.set_ylabel(f"change of {'BLEU' if unit == 'BLEU' else 'test accuracy [pp]'}")


def draw_line(
    axes: Axes, technique: str, x: Sequence[float], line: pd.DataFrame, *, source: str, behind: bool, band: bool = True
) -> None:
    """Draw a technique's medians as a line and the whole range over trials as a band.

    Args:
        axes: Where.
        technique: Gives the look.
        x: Of each row.
        line: Rows with value, low, high; NaN breaks the line: something is missing there. With `doubtful`, points that
            have doubtful trials are ringed.
        source: Published points are hollow, own ones filled.
        behind: Drawn light, for others are laid over it.
        band: False where lines are many and panels small.
    """
    settings = line_look(technique, hollow=source == "published")
    weight = 0.5 if behind else 1.0
    value, least, greatest = (line[column].to_numpy(float) for column in ("value", "low", "high"))
    if band:
        alpha = 0.07 if behind else 0.15
        axes.fill_between(x, least, greatest, color=settings["color"], alpha=alpha, linewidth=0, zorder=1.5)
    axes.plot(x, value, alpha=weight, zorder=2 if behind else 3, **settings)
    if "doubtful" in line:
        doubts = line.doubtful.fillna("")
        ring(axes, [(at, y) for at, y, trials in zip(x, value, doubts, strict=True) if trials])
    low = axes.get_ylim()[0]
    below = [place for place, height in zip(x, value, strict=True) if height < low]
    if below:
        axes.plot(
            below, [low] * len(below), linestyle="", marker=11, markersize=4, color=settings["color"], clip_on=False,
            alpha=weight, zorder=4,
        )  # fmt: skip


def ring(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draw rings around points behind which a trial is doubtful; NaN is no point."""
    if points:
        low, high = axes.get_ylim()
        x, y = zip(*points, strict=True)
        inside = np.clip(y, min(low, high), max(low, high))
        for colour, weight in (("white", 2.0), (INK, 0.8)):  # seen on light and dark
            axes.plot(
                x, inside, linestyle="", marker="o", markersize=9, markerfacecolor="none", markeredgecolor=colour,
                markeredgewidth=weight, clip_on=False, zorder=5, gid="doubtful",
            )  # fmt: skip


def end_labels(axes: Axes, ends: Sequence[tuple[str, float, float, str]]) -> None:
    """Write each line's name beside its end, moved apart where two would touch.

    Args:
        axes: Whose right margin is free.
        ends: Technique, x and y of the last point, what to add to the name.
    """
    low, high = axes.get_ylim()
    figure, box = axes.figure, axes.get_position()
    width = box.width * figure.get_figwidth()  # type: ignore[union-attr]
    least = 0.14 / (box.height * figure.get_figheight())  # type: ignore[union-attr]
    placed = [min(max(y, low), high) for _, _, y, _ in ends]
    # y as a share of the axes, whatever its scale.
    to_share = axes.transData + axes.transAxes.inverted()
    heights = apart([float(to_share.transform((x, y))[1]) for (_, x, _, _), y in zip(ends, placed, strict=True)], least)
    for (technique, x, _, more), y, height in zip(ends, placed, heights, strict=True):
        colour = text_colour(technique)
        behind = bool(more)
        axes.annotate(
            name(technique) + more,
            (x, y),
            xytext=(1 + 0.16 / width, height),
            textcoords="axes fraction",
            color=colour,
            fontsize=6.8 if behind else 7.5,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3, "alpha": 0.7},
        )


def label_margin(names: Sequence[str]) -> float:
    """Return the inches that `end_labels` needs to the right of the axes for these names."""
    return 0.3 + 0.0565 * max(map(len, names), default=0)


def apart(heights: Sequence[float], least: float) -> list[float]:
    """Return the heights moved as little as needed to be `least` apart and in [0, 1], their order kept."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = list(heights)
    for _ in range(50):
        for below, above in itertools.pairwise(order):
            lack = least - (placed[above] - placed[below])
            if lack > 0:
                placed[below] -= lack / 2
                placed[above] += lack / 2
        placed = [min(max(height, 0.0), 1.0) for height in placed]
    return placed


def legend(figure: Figure, techniques: Sequence[tuple[str, str]], *, behind: bool) -> None:
    """Write the techniques in rows between subtitle and panels.

    Args:
        figure: Of `page`, with room at its head.
        techniques: Technique and source.
        behind: Whether published lines are drawn light, behind own ones.
    """
    width, height = figure.get_size_inches()
    labels = _labels(techniques, behind)
    handles = [
        Line2D([], [], label=label, **line_look(technique, hollow=source == "published"))
        for (technique, source), label in zip(techniques, labels, strict=True)
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.02 / width, 1 - 0.4 / height),
        ncols=min(len(handles), _columns(labels, width)), frameon=False, fontsize=7.2, handlelength=3,
        columnspacing=1.2, borderaxespad=0.2, handletextpad=0.5,
    )  # fmt: skip


def legend_height(techniques: Sequence[tuple[str, str]], size: Size, *, behind: bool) -> float:
    """Return the inches that `legend` needs."""
    return 0.06 + 0.155 * -(-len(techniques) // _columns(_labels(techniques, behind), WIDTHS[size]))


def _labels(techniques: Sequence[tuple[str, str]], behind: bool) -> list[str]:
    return [name(technique) + (f" ({source})" if behind else "") for technique, source in techniques]


def _columns(labels: Sequence[str], width: float) -> int:
    """Return how many of these names, each with its line, stand side by side."""
    return max(1, int(width / (0.52 + 0.0545 * max(map(len, labels), default=0))))
