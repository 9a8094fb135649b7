"""The results table: one row per trained network, our own or published, in one schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = (
    *("network", "dataset", "heuristic", "schedule", "technique", "density", "retrain_epochs", "trial"),
    *("test_accuracy", "validation_accuracy", "flops", "search_cost"),
    *("test_loss", "validation_loss", "dense_flops", "kept_weights", "prunable_weights", "epochs", "recipe"),
    *("training", "seed", "environment", "data", "stage"),
)
LATER = ("start_test_accuracy", "start_validation_accuracy", "dead_units")  # columns that older results lack
_DIGESTS = {"training": "t", "environment": "e", "data": "d"}  # column: the letter that its digests begin with
TEXT = (  # columns
    "network",
    "dataset",
    "heuristic",
    "schedule",
    "technique",
    "recipe",
    "training",
    "environment",
    "data",
    "stage",
)


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return results of stages as the table; those that did not end well are left out.

    The order is by columns, so that equal stores give equal files.
    """
    done = [
        {"data": row.get("environment_record", {}).get("data", ""), **row}
        for row in rows
        if row.get("status") == "done"
    ]
    later = [column for column in LATER if any(column in row for row in done)]
    frame = lettered(pd.DataFrame(done).reindex(columns=[*COLUMNS, *later]))
    order = [
        "network",
        "dataset",
        "training",
        "seed",
        "trial",
        "technique",
        "heuristic",
        "schedule",
        "retrain_epochs",
    ]
    return frame.sort_values([*order, "density"], ascending=[True] * len(order) + [False], ignore_index=True)


def to_csv(frame: pd.DataFrame) -> str:
    """Return the table as CSV text, every number to its last digit."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def read(path: Path) -> pd.DataFrame:
    """Read a table that `to_csv` wrote.

    Raises:
        ValueError: A column is missing.
    """
    empty = {name: [""] for name in ("flops", *LATER)}
    frame = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=empty)
    if "data" not in frame:  # a table of an older version
        frame["data"] = ""
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}. Expected a results.csv of tf_lottery.")
    return lettered(frame[[*COLUMNS, *(column for column in frame if column not in COLUMNS)]])


def lettered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a letter before each digest, which older tables and results lack.

    Eight hexadecimal digits alone may read as a number: 1204e698 is infinity to pandas and to spreadsheets.
    """
    digests = {
        column: frame[column].replace(r"^([0-9a-f]{8})$", rf"{letter}\1", regex=True)
        for column, letter in _DIGESTS.items()
        if column in frame
    }
    return frame.assign(**digests)


def with_change(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `change`: test accuracy minus the mean of the same training's dense networks [share].

    The authors' definition (their code, vision/plot/common.py): the mean over all dense trainings, not the parent.
    """
    keys = ["network", "dataset", "training", "seed"]
    dense = frame[frame.technique == "dense"].groupby(keys, dropna=False).test_accuracy.mean().rename("dense_accuracy")
    joined = frame.merge(dense.reset_index(), how="left", on=keys)
    return joined.assign(change=joined.test_accuracy - joined.dense_accuracy)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per technique, heuristic, density and retrain epochs, over the trials, as text for a terminal."""
    cell = ["technique", "heuristic", "schedule", "retrain_epochs", "density"]
    groups = with_change(frame).groupby(cell, dropna=False)
    accuracy, change = groups.test_accuracy.agg(["median", "min", "max", "size"]), groups.change.median()
    cells = accuracy.assign(change=change, search_cost=groups.search_cost.first()).reset_index()
    # Dense networks first; techniques in the order of their first row, each from its highest density down.
    first = frame.technique.drop_duplicates(ignore_index=True)
    order = cells.technique.map({name: -1 if name == "dense" else place for place, name in first.items()})
    cells = cells.assign(order=order).sort_values(
        ["order", "density", "heuristic", "schedule", "retrain_epochs"], ascending=[True, False, True, True, True]
    )
    pruned = cells.technique != "dense"
    shown = pd.DataFrame(
        {
            "technique": cells.technique,
            "heuristic": cells.heuristic,
            "density": cells.density.map("{:.4f}".format),
            "compression": (1 / cells.density).map("{:.2f}x".format),
            "test accuracy [%]": (100 * cells["median"]).map("{:.2f}".format),
            "lowest to highest": [
                f"{100 * low:.2f} to {100 * high:.2f}" for low, high in zip(cells["min"], cells["max"], strict=True)
            ],
            "change [pp]": (100 * cells.change).map("{:+.2f}".format).where(pruned, ""),
            "trials": cells["size"].astype(str),
            "retrain epochs": cells.retrain_epochs.map("{:g}".format),
            "search cost": cells.search_cost.map("{:g}".format),
        }
    ).reset_index(drop=True)
    if cells.heuristic[pruned].nunique() <= 1:  # the same for all that are pruned: the caption says it
        shown = shown.drop(columns="heuristic")
    return shown
