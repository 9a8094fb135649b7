"""The answer in TensorBoard: a run for each technique and schedule, whose step is the percentage that is pruned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tf_lottery.command.event_files import NAME, image, remove, scalar, write_events
from tf_lottery.results import with_change

FIGURES = "figures"  # the run that has the pictures
# Columns that are a folder where a store has several values of them, with what stands before the value.
_FOLDERS = {"dataset": "", "network": "", "training": "", "seed": "seed_"}
# Steps are whole numbers: parts of a percent, with their name.
_UNITS = {1: "percent", 10: "tenths of a percent", 100: "hundredths of a percent"}
_CELL = [*_FOLDERS, "heuristic", "schedule", "technique", "density"]

Points = dict[tuple[str, int], float]  # (tag, step): value


def summary_runs(table: pd.DataFrame) -> dict[str, Points]:
    """Return what TensorBoard shows of a store's results, by the name of the run.

    Of several retrain times at a density, that of the highest median validation accuracy stands for a technique (of
    equals, the shortest), as in the figures: the authors' rule (their code, vision/plot).

    Args:
        table: All results of a store.
    """
    pruned = table[table.technique != "dense"]
    folders = [column for column in _FOLDERS if table[column].nunique() > 1]
    heuristics = pruned.heuristic.nunique() > 1
    several_times = bool((pruned.groupby(_CELL).retrain_epochs.nunique() > 1).any())
    parts = _parts(pruned)
    group = f"accuracy by {_UNITS[parts]} pruned"
    runs: dict[str, Points] = {}
    for cell in _chosen(table).to_dict("records"):
        dense = cell["technique"] == "dense"
        how = [cell["technique"], cell["schedule"], cell["heuristic"] if heuristics else ""]
        name = "/".join([*(f"{_FOLDERS[column]}{cell[column]}" for column in folders), "-".join(filter(None, how))])
        values = {
            f"{group}/test median [%]": 100 * cell["median"],
            f"{group}/test lowest [%]": 100 * cell["lowest"],
            f"{group}/test highest [%]": 100 * cell["highest"],
            f"{group}/change [pp]": 100 * cell["change"],
        }
        if several_times and not dense:
            values[f"{group}/at retrain epochs"] = cell["retrain_epochs"]
        # Dense networks are a line below or above the others, from end to end.
        densities = _ends(pruned) if dense else [cell["density"]]
        points = runs.setdefault(name, {})
        points |= {(tag, _step(density, parts)): value for tag, value in values.items() for density in densities}
    return runs


def write_summary(table: pd.DataFrame, pictures: Sequence[Path], folder: Path) -> list[str]:
    """Write runs and figures for TensorBoard, in place of what an earlier call wrote, and return the runs' names.

    Args:
        table: All results of a store.
        pictures: PNG files, of which one's tag is its name; those of earlier calls stay.
        folder: Where to; made if it is not there.

    Raises:
        OSError: It cannot be written.
    """
    runs = summary_runs(table)
    for name, points in runs.items():
        write_events(folder / name, [(step, scalar(tag, value)) for (tag, step), value in points.items()])
    for picture in pictures:
        write_events(folder / FIGURES, [(0, image(f"figures/{picture.stem}", picture.read_bytes()))], part=picture.stem)
    # Of a store that had one network and now has two, all names are others.
    for path in list(folder.rglob(NAME)):
        if path.parent.relative_to(folder).as_posix() not in runs:
            remove(path, up_to=folder)
    return list(runs)


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each technique and density: over the trials of the retrain time that stands for it."""
    cells = (
        with_change(table)
        .groupby([*_CELL, "retrain_epochs"], as_index=False)
        .agg(
            median=("test_accuracy", "median"),
            lowest=("test_accuracy", "min"),
            highest=("test_accuracy", "max"),
            change=("change", "median"),
            validation=("validation_accuracy", "median"),
        )
    )
    cells["validation"] = cells.validation.round(12)  # equal accuracies may differ in their last bit
    best = cells.sort_values(["validation", "retrain_epochs"], ascending=[False, True])
    return best.drop_duplicates(_CELL).sort_values(
        [*_CELL[:-1], "density"], ascending=[True] * (len(_CELL) - 1) + [False]
    )


def _ends(pruned: pd.DataFrame) -> list[float]:
    return [pruned.density.max(), pruned.density.min()] if len(pruned) else [1.0]


def _parts(pruned: pd.DataFrame) -> int:
    """Return into how many parts a percent is to be cut for no two densities of a technique to share a step."""
    densities = pruned[_CELL].drop_duplicates()
    for parts in _UNITS:
        steps = densities.assign(density=[_step(density, parts) for density in densities.density])
        if not steps.duplicated().any():
            return parts
    return max(_UNITS)


def _step(density: float, parts: int) -> int:
    return round(100 * parts * (1 - density))
