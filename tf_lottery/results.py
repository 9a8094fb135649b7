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
    *("training", "seed", "environment", "stage"),
)
_TEXT = (
    "network",
    "dataset",
    "heuristic",
    "schedule",
    "technique",
    "recipe",
    "training",
    "environment",
    "stage",
)

# What the authors call what (their code, vision/plot and gnmt/plot).
_TECHNIQUES = {
    "finetune": "fine_tune",
    "lottery": "weight_rewind",
    "lr_finetune": "lr_rewind",
    "lr_lottery": "low_lr_weight_rewind",
    "reinit": "reinit",
}
_HEURISTICS = {
    "Unstructured": "global_magnitude",
    "Structured-A": "structured_a",
    "Structured-B": "structured_b",
}
_DATASETS = {"resnet50": "imagenet", "resnet34": "imagenet", "gnmt": "wmt16"}


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return results of stages as the table; those that did not end well are left out.

    The order is by columns, so that equal stores give equal files.
    """
    done = [dict(row) for row in rows if row.get("status") == "done"]
    frame = pd.DataFrame(done).reindex(columns=list(COLUMNS))
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
    frame = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values={"flops": [""]})
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}. Expected a results.csv of tf_lottery.")
    return frame


def published(pruned: Path, dense: Path) -> pd.DataFrame:
    """Return the authors' published results in our columns; what they did not publish is empty.

    Args:
        pruned: Their pruned networks as CSV, with columns network, prune_method, is_iterative, retrain_method, density,
            retrain_time, trial, test_acc, val_acc, flops.
        dense: Their dense networks as CSV, with columns network, test_acc, val_acc, flops. Every row of the vision
            networks is there twice in the authors' file, and counts once here.
    """
    ours = pd.read_csv(pruned).rename(
        columns={
            "retrain_time": "retrain_epochs",
            "test_acc": "test_accuracy",
            "val_acc": "validation_accuracy",
        }
    )
    ours["technique"] = ours.pop("retrain_method").map(_TECHNIQUES)
    ours["heuristic"] = ours.pop("prune_method").map(_HEURISTICS)
    ours["schedule"] = ours.pop("is_iterative").map({True: "iterative", False: "one_shot"})
    ours["trial"] = ours["trial"].str.removeprefix("trial_").astype(int)
    # 20% of what is left at each level: level k of a chain has density 0.8^k and has cost k retrainings.
    chain = ["network", "heuristic", "technique", "retrain_epochs", "trial"]
    level = ours[ours.schedule == "iterative"].groupby(chain).density.rank(ascending=False)
    ours["search_cost"] = ours.retrain_epochs * level.reindex(ours.index).fillna(1)
    bases = pd.read_csv(dense).rename(columns={"test_acc": "test_accuracy", "val_acc": "validation_accuracy"})
    bases = bases[(bases.network == "gnmt") | (bases.groupby(list(bases.columns), dropna=False).cumcount() % 2 == 0)]
    bases = bases.assign(technique="dense", heuristic="", schedule="", density=1.0, retrain_epochs=0.0, search_cost=0.0)
    bases["trial"] = bases.groupby("network").cumcount() + 1
    both = pd.concat([bases, ours], ignore_index=True)
    both["dataset"] = both.network.map(_DATASETS).fillna("cifar10")
    return both.reindex(columns=list(COLUMNS))


def with_change(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `change`: test accuracy minus the mean of the same training's dense networks [share].

    The authors' definition (their code, vision/plot/common.py): the mean over all dense trainings, not the parent.
    """
    keys = ["network", "dataset", "training", "seed"]
    dense = frame[frame.technique == "dense"].groupby(keys, dropna=False).test_accuracy.mean().rename("dense_accuracy")
    joined = frame.merge(dense.reset_index(), how="left", on=keys)
    return joined.assign(change=joined.test_accuracy - joined.dense_accuracy)


def best_retraining(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose retrain epochs have the highest median validation accuracy in their cell.

    A cell is one technique at one density; of equal medians the smallest t is taken (the authors leave ties open).
    """
    cell = ["network", "dataset", "training", "seed", "heuristic", "schedule", "technique", "density"]
    medians = frame.groupby([*cell, "retrain_epochs"], dropna=False).validation_accuracy.median().reset_index()
    medians = medians.sort_values(
        [*cell, "validation_accuracy", "retrain_epochs"], ascending=[True] * 8 + [False, True]
    )
    best = medians.drop_duplicates(cell)[[*cell, "retrain_epochs"]]
    return frame.merge(best, on=[*cell, "retrain_epochs"])


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
