"""The authors' tables in our words and columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery.lookup import lookup

from .check import numbers

# What the authors call what (their code, vision/plot/common.py and gnmt/plot).
TECHNIQUES: Mapping[str, str] = {
    "finetune": "fine_tune",
    "lottery": "weight_rewind",
    "lr_finetune": "lr_rewind",
    "lr_lottery": "low_lr_weight_rewind",
    "reinit": "reinit",
}
HEURISTICS: Mapping[str, str] = {
    "Unstructured": "global_magnitude",
    "Structured-A": "structured_a",
    "Structured-B": "structured_b",
}
SCHEDULES: Mapping[str, str] = {"true": "iterative", "1": "iterative", "false": "one_shot", "0": "one_shot"}
_DATASETS = {"resnet50": "imagenet", "resnet34": "imagenet", "gnmt": "wmt16"}  # all others: CIFAR-10
# T, epochs of a dense training (the paper, Table 1). GNMT's are true epochs, of which their script counts two as one.
TOTAL_EPOCHS: Mapping[str, float] = {"cifar10": 182.0, "imagenet": 90.0, "wmt16": 5.0}
KEPT_PER_LEVEL = 0.8  # the paper, section 3: 20% of what is left goes at each level

DENSE_COLUMNS = ("network", "test_acc", "val_acc")
PRUNED_COLUMNS = (
    *("network", "prune_method", "is_iterative", "retrain_method", "density", "retrain_time", "trial"),
    *("test_acc", "val_acc"),
)
_RENAMED = {"retrain_time": "retrain_epochs", "test_acc": "test_accuracy", "val_acc": "validation_accuracy"}


def dataset_of(network: str) -> str:
    """Return the dataset that the authors trained this network on."""
    return _DATASETS.get(network, "cifar10")


def level(density: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many retrainings a network of this density in a chain has cost: k of 0.8^k (the paper, section 3).

    Whatever levels are missing among the results.
    """
    levels: npt.NDArray[np.float64] = np.rint(np.log(np.maximum(density, 1e-9)) / np.log(KEPT_PER_LEVEL))
    return np.maximum(levels, 1.0)


def pruned_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return their pruned networks in our columns, with the cost of the search, which follows from t and density.

    Raises:
        ValueError: A technique or way of pruning that they do not have, or no number where one must be; the message
            names the row, counted from 1.
    """
    ours = frame.rename(columns=_RENAMED)
    ours["technique"] = _translated("technique", ours.pop("retrain_method"), TECHNIQUES)
    ours["heuristic"] = _translated("way of pruning", ours.pop("prune_method"), HEURISTICS)
    told = ours.pop("is_iterative").map(str).str.lower().str.removesuffix(".0")  # truth, or the text of it in a CSV
    ours["schedule"] = _translated("is_iterative", told, SCHEDULES)
    ours["trial"] = numbers("trial", ours["trial"].astype(str).str.removeprefix("trial_"))
    for column in ("density", "retrain_epochs"):
        ours[column] = numbers(column, ours[column])
    ours["dataset"] = ours.network.map(dataset_of)
    levels = np.where(ours.schedule == "iterative", level(ours.density.to_numpy()), 1.0)
    return ours.assign(search_cost=ours.retrain_epochs * levels)


def dense_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return their dense networks in our columns, each once.

    Every dense row of the vision networks is in their file twice: where each row of a network has its double, half of
    them go. Not all equal rows: a few distinct trainings have equal accuracies.
    """
    ours = frame.rename(columns=_RENAMED)
    whole = ["network", "test_accuracy", "validation_accuracy"]
    copies = ours.groupby(whole).test_accuracy.transform("size")
    doubled = (copies % 2 == 0).groupby(ours.network).transform("all")
    ours = ours[~doubled | (ours.groupby(whole).cumcount() % 2 == 0)]
    ours = ours.assign(technique="dense", heuristic="", schedule="", density=1.0, retrain_epochs=0.0, search_cost=0.0)
    ours["trial"] = ours.groupby("network").cumcount() + 1
    return ours.assign(dataset=ours.network.map(dataset_of))


def _translated(kind: str, names: pd.Series[str], table: Mapping[str, str]) -> pd.Series[str]:
    known = names.map(lambda found: found in table)
    if not known.all():
        place = int(np.flatnonzero(~known.to_numpy())[0])
        try:
            lookup(kind, table, str(names.iloc[place]))
        except ValueError as error:
            raise ValueError(f"row {place + 1}: {error}") from None
    return names.map(table)
