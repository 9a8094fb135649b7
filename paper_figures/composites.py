"""The paper's Figures 1 to 5, composed as there: a panel for each network of the data, one range of y, one legend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import doubtful, epochs, literature
from .accuracy import PAPER_RANGE, accuracy_numbers, algorithm_numbers, spread
from .blocks import CORE, Block
from .canvas import (
    Size,
    Words,
    change_axis,
    change_limits,
    draw_line,
    left_frame,
    legend,
    legend_height,
    page,
    ratio_axis,
)
from .look import dataset_name, network_name, pruning_name
from .scene import Scene, core, told_trials

EPOCHS_RANGE = {
    "pp": (-5.0, 1.0),
    "BLEU": (-8.0, 1.5),
}  # of y, over retrain epochs (the authors' code, vision/plot/gen.py)
_HEIGHTS: dict[Size, float] = {"print": 1.3, "wide": 2.3}
_COLUMNS = 3
_LEVELS = 4  # compression ratios of a network in the figures over retrain epochs


@dataclass(frozen=True, kw_only=True)
class Composite:
    """One of the paper's figures."""

    title: str
    schedule: str
    structured: tuple[bool, ...]  # which kinds of pruning it has, in the order of its panels
    numbers: Callable[[Scene], pd.DataFrame]
    subtitle: str = ""  # "": which retrain time stands for a technique
    by_epochs: bool = False
    print_also: str = ""  # what the paper's has that was never released


def _core_numbers(scene: Scene) -> pd.DataFrame:
    return accuracy_numbers(scene, core(scene))


def _epochs_numbers(scene: Scene) -> pd.DataFrame:
    numbers = epochs.epochs_numbers(scene, core(scene))
    levels = sorted({1 / density for density in numbers.density})
    several = numbers.groupby(["source", "technique", "density"]).retrain_epochs.nunique().max() > 1
    if not several or not levels:
        return numbers.iloc[:0]
    front = [density for density in scene.front.densities if (numbers.density == density).any()]
    places = np.unique(np.linspace(0, len(front) - 1, _LEVELS + 1).round().astype(int)[-_LEVELS:])
    return epochs.of_densities(numbers, scene, [front[place] for place in places]).reset_index(drop=True)


def _algorithm_numbers(scene: Scene) -> pd.DataFrame:
    return algorithm_numbers(scene) if "lr_rewind" in scene.front.techniques else pd.DataFrame()


COMPOSITES: Mapping[str, Composite] = {
    "figure1": Composite(
        title="One-shot pruning",
        schedule="one_shot",
        structured=(False, True),
        numbers=_core_numbers,
        print_also="GNMT and ResNet-34",
    ),
    "figure2": Composite(
        title="Iterative pruning",
        schedule="iterative",
        structured=(False,),
        numbers=_core_numbers,
        print_also="GNMT",
    ),
    "figure3": Composite(
        title="Retrain time, one-shot pruning",
        subtitle="A row for each network, a panel for each compression ratio",
        schedule="one_shot",
        structured=(False,),
        numbers=_epochs_numbers,
        by_epochs=True,
        print_also="GNMT",
    ),
    "figure4": Composite(
        title="Retrain time, structured pruning",
        subtitle="A row for each variant, a panel for each compression ratio",
        schedule="one_shot",
        structured=(True,),
        numbers=_epochs_numbers,
        by_epochs=True,
        print_also="ResNet-34",
    ),
    "figure5": Composite(
        title="The paper's algorithm",
        subtitle="Iterative learning rate rewinding, T epochs at each level",
        schedule="iterative",
        structured=(False,),
        numbers=_algorithm_numbers,
        print_also="GNMT",
    ),
}


def scenes_of(composite: Composite, scenes: Sequence[Scene]) -> list[Scene]:
    """Return the scenes that have the data for a panel, or a row of panels, in the figure's order."""
    return [
        scene
        for structured in composite.structured
        for scene in scenes
        if scene.front.schedule == composite.schedule
        and scene.front.is_structured == structured
        and len(composite.numbers(scene))
    ]


def composite_numbers(composite: Composite, scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return what all panels draw, one row a point; what two panels draw is there once."""
    every = pd.concat([composite.numbers(scene) for scene in scenes], ignore_index=True)
    return every.drop_duplicates(ignore_index=True)


def composite_figure(
    numbers: pd.DataFrame, composite: Composite, scenes: Sequence[Scene], subtitle: str, size: Size
) -> Figure:
    """Draw the panels of all scenes."""
    draw = _by_epochs if composite.by_epochs else partial(by_compression, columns=_COLUMNS)
    published = any(block.source == "published" for scene in scenes for block in scene.blocks)
    note = f" The paper's has {composite.print_also} too, whose results it did not release." if published else ""
    return draw(numbers, scenes, title=composite.title, subtitle=subtitle, note=note, size=size)


def by_compression(
    numbers: pd.DataFrame,
    scenes: Sequence[Scene],
    *,
    title: str,
    subtitle: str,
    size: Size,
    columns: int,
    note: str = "",
) -> Figure:
    """Draw the change of accuracy against compression ratio, a panel for each scene."""
    drawn = list(dict.fromkeys(zip(numbers.technique, numbers.source, strict=True)))
    points = [point for scene in scenes for point in literature.points_of(scene.front) if point.by_compression]
    behind = numbers.source.nunique() > 1
    limits = _limits(numbers, scenes)
    outside = max(left_frame(rows_of(numbers, scene), limits[scene.front.unit]) for scene in scenes)
    told = _note(numbers, scenes) + outside + doubtful.told(numbers) + literature.note(points) + note
    columns = min(columns, len(scenes))
    more = 0.12 if any(scene.training for scene in scenes) else 0.0  # room for a title's second line
    rows = -(-len(scenes) // columns)
    figure, axes = page(
        Words(title=title, subtitle=subtitle, note=told), size, rows=rows, columns=columns,
        panel_height=_HEIGHTS[size], left=0.68, right=0.2, column_gap=0.34,
        row_gap=0.45 + more, head=legend_height(drawn, size, behind=behind) + 0.16 + more,
    )  # fmt: skip
    for panel in axes[len(scenes) :]:
        panel.set_visible(False)
    for place, (panel, scene) in enumerate(zip(axes, scenes, strict=False)):
        _compression_panel(panel, rows_of(numbers, scene), scene, limits[scene.front.unit])
        panel.set_title(_panel_title(scene, scenes), fontsize=7.5, pad=2.5)
        first = place % columns == 0 or scenes[place - 1].front.unit != scene.front.unit
        panel.set_ylabel(panel.get_ylabel() if first else "")
        panel.tick_params(labelleft=first)
        panel.set_xlabel(panel.get_xlabel() if place + columns >= len(scenes) else "")
    legend(figure, drawn, behind=behind)
    return figure


def _compression_panel(axes: Axes, rows: pd.DataFrame, scene: Scene, limits: tuple[float, float]) -> None:
    points = [point for point in literature.points_of(scene.front) if point.by_compression]
    change_axis(axes, limits, spread=spread(scene.front), unit=scene.front.unit)
    ratios = [*(1 / rows.density), *(1 / point.density for point in points)]
    ratio_axis(axes, ratios, levels=[1 / density for density in scene.front.densities])
    for order, block in enumerate(scene.blocks):
        for technique in block.techniques:
            found = rows[(rows.source == block.source) & (rows.technique == technique)]
            if len(found):
                line = found.set_index("density").reindex(list(block.densities))
                behind = order < len(scene.blocks) - 1
                draw_line(axes, technique, list(1 / line.index), line, source=block.source, behind=behind)
    literature.draw_by_compression(axes, points, beside=scene.front.network)


def _by_epochs(
    numbers: pd.DataFrame, scenes: Sequence[Scene], *, title: str, subtitle: str, note: str, size: Size
) -> Figure:
    """Draw the change of accuracy against retrain epochs: a row for each scene, a panel for each density."""
    drawn = list(dict.fromkeys(zip(numbers.technique, numbers.source, strict=True)))
    behind = numbers.source.nunique() > 1
    limits = _limits(numbers, scenes, by_epochs=True)
    outside = max(left_frame(rows_of(numbers, scene), limits[scene.front.unit]) for scene in scenes)
    note = (
        f"{_note(numbers, scenes)}{outside} Light grey: 25% to 90% of T, the paper's safe zone. At most {_LEVELS} "
        f"compression ratios of each network; the figures of the family epochs have all.{doubtful.told(numbers)}{note}"
    )
    levels = [_levels(rows_of(numbers, scene), scene) for scene in scenes]
    columns = max(map(len, levels))
    figure, axes = page(
        Words(title=title, subtitle=subtitle, note=note), size, rows=len(scenes), columns=columns,
        panel_height=0.8 * _HEIGHTS[size], left=0.88, right=0.1, row_gap=0.42,
        head=legend_height(drawn, size, behind=behind) + 0.16,
    )  # fmt: skip
    for row, (scene, densities) in enumerate(zip(scenes, levels, strict=True)):
        lines = dict(list(rows_of(numbers, scene).groupby(["source", "technique", "density"], sort=False)))
        share = len({block.total_epochs for block in scene.blocks}) > 1
        for column, panel in enumerate(axes[row * columns :][:columns]):
            if column >= len(densities):
                panel.set_visible(False)
                continue
            change_axis(panel, limits[scene.front.unit], spread=spread(scene.front), unit=scene.front.unit)
            epochs.draw_panel(panel, lines, scene, densities[column], share)
            epochs.epochs_axis(panel, scene, size, share)
            panel.set_title(f"{1 / densities[column]:.3g}x", fontsize=7.5, pad=2.5)
            of = _panel_title(scene, scenes).replace(", ", "\n")
            panel.set_ylabel(f"{of}\nchange [{scene.front.unit}]" if column == 0 else "", fontsize=7)
            panel.yaxis.set_label_coords(-0.36 / (panel.get_position().width * figure.get_figwidth()), 0.5)
            panel.set_xlabel(("share of T [%]" if share else "retrain epochs") if row == len(scenes) - 1 else "")
            panel.tick_params(labelleft=column == 0, labelsize=7)
    legend(figure, drawn, behind=behind)
    return figure


def rows_of(numbers: pd.DataFrame, scene: Scene) -> pd.DataFrame:
    """Return the rows of a scene's blocks."""
    keys = zip(*(numbers[name] for name in ("source", "network", "dataset", "heuristic", "schedule", "training")),
               numbers.seed.map(str), strict=True)  # fmt: skip
    wanted = {(b.source, b.network, b.dataset, b.heuristic, b.schedule, b.training, str(b.seed)) for b in scene.blocks}
    return numbers[[key in wanted for key in keys]]


def _limits(
    numbers: pd.DataFrame, scenes: Sequence[Scene], *, by_epochs: bool = False
) -> dict[str, tuple[float, float]]:
    """Return the range of y by unit: one for all panels."""
    found = {}
    for unit in dict.fromkeys(scene.front.unit for scene in scenes):
        if by_epochs and (numbers.source == "published").any():
            found[unit] = EPOCHS_RANGE[unit]
            continue
        parts = [(rows_of(numbers, scene), scene) for scene in scenes if scene.front.unit == unit]
        main = [epochs.held(rows, scene.blocks) if by_epochs else rows.technique.isin(CORE) for rows, scene in parts]
        rows = pd.concat([rows for rows, _ in parts])
        room = 0.15 if by_epochs else 0.5
        found[unit] = change_limits(rows, pd.concat(main), paper=PAPER_RANGE[unit], room=room)
    return found


def _levels(rows: pd.DataFrame, scene: Scene) -> list[float]:
    return [density for density in scene.front.densities if (rows.density == density).any()]


def _panel_title(scene: Scene, scenes: Sequence[Scene]) -> str:
    """Return what tells a panel from the others; of which dataset a network is, the note says."""
    block = scene.front
    words = [network_name(block.network)]
    if len({other.front.dataset for other in scenes if other.front.network == block.network}) > 1:
        words.append(dataset_name(block.dataset))
    if block.is_structured or len({other.front.heuristic for other in scenes if not other.front.is_structured}) > 1:
        words.append(pruning_name("", block.heuristic).removeprefix(", "))
    return "\n".join([", ".join(words), *([scene.training] if scene.training else [])])


def _note(numbers: pd.DataFrame, scenes: Sequence[Scene]) -> str:
    """Return what the reader must know of all panels: trials, what 0 is, whose points are whose."""
    means = dict.fromkeys(f"{_dense(scene.front)} ({scene.subject})" for scene in scenes)
    words = [
        f"Lines: {told_trials(numbers.trials, '; bands: lowest to highest')}.",
        f"0: the mean of the dense networks, {'; '.join(means)}; grey: their standard deviation.",
    ]
    if numbers.source.nunique() > 1:
        words.append("Filled: own. Hollow: published, light where own ones are over them.")
    return " ".join(words)


def _dense(block: Block) -> str:
    return f"{block.dense.mean() * block.scale:.2f} {'BLEU' if block.unit == 'BLEU' else '%'}"
