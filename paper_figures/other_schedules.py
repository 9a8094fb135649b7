"""Learning rate rewinding minus fine-tuning, where the rate of the dense training falls otherwise: a study of ours."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.networks.recipes import LR_SCHEDULES, RECIPES, resolve

from .blocks import SAFE_ZONE, Block
from .canvas import Size, Words, page, ring
from .gain import gain_numbers
from .look import INK, ZONE, dataset_name, network_name
from .scene import Scene, told_trials

PAIR = "lr_rewind-fine_tune"
_LOOK: Mapping[str, tuple[str, str, Any]] = {  # how the rate falls: colour, marker, dashes
    "staircase": ("#222222", "s", "-"),
    "cosine": ("#D97700", "o", (0, (5, 2))),
    "linear": ("#00805C", "D", (0, (1.5, 1.5))),
    "one_cycle": ("#7B52C7", "^", (0, (6, 2, 1, 2))),
}
_HEIGHTS: dict[Size, float] = {"print": 1.7, "wide": 2.8}


def falls(block: Block) -> str:
    """Return how the rate of the block's dense training falls; of a recipe that is not known here, its name.

    The recipe's own way, or, with --lr_schedule, the one by which the recipe is the training that the results name;
    then fine-tuned at the last rate or, with --fine_tune_rate, at a hundredth of the highest. No other is found.
    """
    if block.recipe not in RECIPES:
        return block.recipe
    recipe = RECIPES[block.recipe]
    if block.dataset in DATASETS:
        examples, epochs = DATASETS[block.dataset].train_examples, int(block.total_epochs)
        for schedule, tuned in itertools.product(LR_SCHEDULES, (None, float(f"{recipe.learning_rate / 100:.6g}"))):
            told = resolve(block.recipe, examples=examples, epochs=epochs, lr_schedule=schedule, fine_tune_rate=tuned)
            if training_digest(told) == block.training:
                return schedule
    return recipe.lr_schedule


def ordered(scenes: Sequence[Scene]) -> list[Scene]:
    """Return the scenes by how their rates fall, the staircase first."""
    known: list[str] = list(LR_SCHEDULES)
    ways = {id(scene): falls(scene.front) for scene in scenes}
    return sorted(scenes, key=lambda scene: known.index(way) if (way := ways[id(scene)]) in known else len(known))


def shown_schedule(block: Block, among: Sequence[Block]) -> str:
    """Return that in words, with T where another training among these has the same."""
    same = [other for other in among if falls(other) == falls(block)]
    words = falls(block).replace("_", "-")
    if len(same) > 1:
        words += f", T = {block.total_epochs:g}"
        if len([other for other in same if other.total_epochs == block.total_epochs]) > 1:
            words += f", {block.training}, seed {block.seed:g}"
    return words


def other_schedules_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return lr_rewind minus fine_tune at each density and t, and the share of T [%], for each training."""
    blocks = [scene.front for scene in scenes]
    parts = []
    for scene in scenes:
        rows = gain_numbers(scene)
        rows = rows[rows.technique == PAIR]
        share = 100 * rows.retrain_epochs / scene.front.total_epochs
        parts.append(rows.assign(share_of_total=share, lr_schedule=shown_schedule(scene.front, blocks)))
    return pd.concat(parts, ignore_index=True)


def other_schedules_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a panel for each density and a line for each training, against the share of T that is retrained.

    Args:
        numbers: Of `other_schedules_numbers`.
        scenes: Where they are from, one a training.
        subtitle: What the lines are.
        size: For print or wide.
    """
    block = scenes[0].front
    densities = sorted(set(numbers.density), reverse=True)
    dense = "; ".join(
        f"{shown_schedule(scene.front, [one.front for one in scenes])} {100 * scene.front.dense.mean():.2f}"
        for scene in scenes
    )
    note = (
        f"Lines: differences of medians, each the {told_trials(numbers.trials)}; bars: the least and the greatest "
        f"difference that any two of their trials allow. Dense networks, mean [%]: {dense}. Grey: 25% to 90% of T, the "
        "paper's safe zone."
    )
    title = f"{network_name(block.network)} on {dataset_name(block.dataset)}: rewinding where rates fall otherwise"
    figure, axes = page(
        Words(title=title, subtitle=subtitle, note=note), size, columns=len(densities), panel_height=_HEIGHTS[size],
        left=0.68, right=0.1, column_gap=0.42, head=0.34,
    )  # fmt: skip
    labels = list(dict.fromkeys(numbers.lr_schedule))
    looks = {label: _look(label, place) for place, label in enumerate(labels)}
    for panel, density in zip(axes, densities, strict=True):
        here = numbers[numbers.density == density]
        panel.axvspan(100 * SAFE_ZONE[0], 100 * SAFE_ZONE[1], color=ZONE, linewidth=0, zorder=0)
        panel.axhline(0, color=INK, linewidth=0.8, zorder=1)
        for place, label in enumerate(labels):
            _line(panel, here[here.lr_schedule == label], looks[label], shift=0.9 * (place - (len(labels) - 1) / 2))
        panel.set_title(f"{1 / density:.3g}x", fontsize=7.5, pad=2.5)
        panel.set_xlim(0, 105)
        panel.set_xticks(_ticks(panel, sorted(set(numbers.share_of_total.round(6)))))
        panel.xaxis.set_major_formatter("{x:.3g}")
        panel.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        panel.set_xlabel("share of T [%]")
        panel.set_ylabel(f"rewinding minus fine-tuning [{block.unit}]" if density == densities[0] else "")
        panel.tick_params(labelsize=7)
    width, height = figure.get_size_inches()
    figure.legend(
        handles=[Line2D([], [], label=label, **looks[label]) for label in labels], loc="upper left",
        bbox_to_anchor=(0.02 / width, 1 - 0.4 / height), ncols=4, frameon=False, fontsize=7.2, handlelength=3,
        columnspacing=1.2, borderaxespad=0.2, handletextpad=0.5,
    )  # fmt: skip
    return figure


def _ticks(axes: Axes, shares: Sequence[float]) -> list[float]:
    """Return of what ran as many as there is room for, the greatest first."""
    inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    ticks = [shares[-1]]
    for share in reversed(shares[:-1]):
        if (ticks[-1] - share) / 105 * inches >= 0.25:
            ticks.append(share)
    return sorted(ticks)


def told(numbers: pd.DataFrame, scenes: Sequence[Scene]) -> str:
    """Return the figure's numbers at the strongest compression and one share of T, for its alternative text."""
    density = min(numbers.density)
    here = numbers[numbers.density == density]
    count = here.groupby("share_of_total").lr_schedule.nunique()
    shared = sorted(count.index[count == count.max()])
    share = ([one for one in shared if one <= 100 * SAFE_ZONE[1]] or shared)[-1]
    unit = scenes[0].front.unit
    each = "; ".join(
        f"{row.lr_schedule} {row.value:+.2f} {unit}, t = {row.retrain_epochs:g}"
        for row in here[here.share_of_total == share].itertuples()
    )
    return f"At {1 / density:.3g}x with t = {share:g}% of T, rewinding minus fine-tuning: {each}."


def _look(label: str, place: int) -> dict[str, Any]:
    colour, marker, dashes = _LOOK.get(label.split(",")[0].replace("-", "_"), ("#6B6B6B", "v", (0, (1, 1 + place))))
    return {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4.5, "markeredgecolor": colour}


def _line(axes: Axes, rows: pd.DataFrame, look: dict[str, Any], shift: float) -> None:
    """Draw one training's differences; bars of several stand beside one another."""
    x = rows.share_of_total.to_numpy(float)
    axes.vlines(x + shift, rows.low, rows.high, color=look["color"], linewidth=0.8, alpha=0.6, zorder=2)
    axes.plot(x + shift, rows.value, zorder=3, **look)
    ring(axes, [(at, y) for at, y, doubt in zip(x + shift, rows.value, rows.doubtful, strict=True) if doubt])
