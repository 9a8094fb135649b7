"""Change of accuracy against retrain epochs, the paper's techniques above, those since below: a study of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import doubtful, select
from .accuracy import PAPER_RANGE, spread
from .blocks import CORE
from .canvas import Size, Words, change_axis, change_limits, draw_line, left_frame, legend, legend_height, page
from .epochs import held
from .scene import Scene

RESTARTS = (
    "scaled_lr_restart",
    "cyclic_lr_restart",
    "one_cycle_restart",
    "linear_lr_restart",
    "adaptive_linear_lr_restart",
)
# Rows of panels. Of the paper's three all rows have both whose difference is asked, for the eye to compare with.
_ROWS: Mapping[str, tuple[str, ...]] = {
    "the paper's, SLR": (*CORE, "scaled_lr_restart"),
    "restarts": RESTARTS[1:],
}
_BESIDE = ("fine_tune", "lr_rewind")
_HEIGHTS: dict[Size, float] = {"print": 1.25, "wide": 1.9}


def schedules_numbers(scene: Scene) -> pd.DataFrame:
    """Return the change of test accuracy of every technique but the controls, at every density and t."""
    return select.numbers_by_epochs(scene.front, scene.main())


def schedules_figure(numbers: pd.DataFrame, scene: Scene, subtitle: str, size: Size) -> Figure:
    """Draw a column of panels for each density.

    The axis of t is logarithmic: to half the epochs it is as far to the left everywhere.

    Args:
        numbers: Of `schedules_numbers`.
        scene: Where they are from.
        subtitle: What the panels are.
        size: For print or wide.
    """
    block = scene.front
    drawn = list(dict.fromkeys(numbers.technique))
    rows = {label: here for label, row in _ROWS.items() if (here := [name for name in row if name in drawn])}
    densities = [density for density in block.densities if (numbers.density == density).any()]
    shown = {density: numbers[numbers.density == density] for density in densities}
    limits = {
        density: change_limits(
            part, held(part, [block]) | part.technique.isin(RESTARTS), paper=PAPER_RANGE[block.unit], room=0.15
        )
        for density, part in shown.items()
    }
    note = scene.note(numbers) + max(left_frame(shown[density], limits[density]) for density in densities)
    note += " Light in the lower row: fine-tuning and learning rate rewinding once more." if len(rows) > 1 else ""
    note += doubtful.told(numbers)
    sources = [(name, block.source) for name in drawn]
    figure, axes = page(
        Words(title=scene.heading, subtitle=subtitle, note=note), size, rows=len(rows), columns=len(densities),
        panel_height=_HEIGHTS[size], left=0.68, right=0.1, column_gap=0.42, row_gap=0.12,
        head=legend_height(sources, size, behind=False) + 0.16,
    )  # fmt: skip
    for place, panel in enumerate(axes):
        row, column = divmod(place, len(densities))
        density, is_last = densities[column], row == len(rows) - 1
        change_axis(panel, limits[density], spread=spread(block), unit=block.unit)
        names = list(rows.values())[row]
        for name in [*(other for other in _BESIDE if other in drawn and other not in names), *names]:
            _line(panel, name, shown[density], scene, behind=name not in names)
        _epochs_axis(panel, block.epochs)
        panel.set_title(f"{1 / density:.3g}x" if row == 0 else "", fontsize=7.5, pad=2.5)
        panel.set_xlabel("retrain epochs" if is_last else "")
        panel.set_ylabel(f"change [{block.unit}]" if column == 0 else "")
        panel.tick_params(labelbottom=is_last, labelsize=7)
    legend(figure, sources, behind=False)
    return figure


def _line(axes: Axes, technique: str, numbers: pd.DataFrame, scene: Scene, *, behind: bool) -> None:
    rows = numbers[numbers.technique == technique].set_index("retrain_epochs")
    if rows.empty:
        return
    ran = select.epochs_of(scene.front, scene.front.techniques.index(technique))
    line = rows[["value", "low", "high", "doubtful"]].reindex(ran)
    draw_line(axes, technique, ran, line, source=scene.front.source, behind=behind, band=not behind)
    for one in axes.lines[1:]:
        one.set_markersize(min(one.get_markersize(), 4.2))
        one.set_linewidth(1.0)


def _epochs_axis(axes: Axes, epochs: Sequence[float]) -> None:
    """Make x a log axis with ticks on what ran, as many as there is room for."""
    low, high = epochs[0], epochs[-1]
    axes.set_xscale("log")
    reach = float(np.log(high / low)) if high > low else 1.0
    axes.set_xlim(low * np.exp(-0.05 * reach), high * np.exp(0.05 * reach))
    inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    ticks = [high]
    for t in reversed(epochs[:-1]):
        if np.log(ticks[-1] / t) * inches / reach >= 0.23 and (t == low or np.log(t / low) * inches / reach >= 0.23):
            ticks.append(t)
    axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t:g}"))
