"""Checking the rows of a results table, whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tf_lottery.lookup import nearest
from tf_lottery.rewinding.techniques import TECHNIQUES

TIDY = (
    *("network", "heuristic", "schedule", "technique", "density", "retrain_epochs", "trial"),
    *("test_accuracy", "validation_accuracy"),
)
NUMBERS = (
    *("density", "retrain_epochs", "trial", "test_accuracy", "validation_accuracy", "flops", "search_cost"),
    *("epochs", "seed"),
)
SCHEDULES = ("one_shot", "iterative", "at_initialization")
_NAME = r"[\w.+-]+"  # what can be part of the name of a file and of a page's address
_TRANSLATION = ("wmt", "gnmt")  # how datasets and networks of translation are called


def is_translation(network: str, dataset: str) -> bool:
    """Say whether results are BLEU, from 0 to 100, and not accuracies, from 0 to 1."""
    return network.startswith(_TRANSLATION) or dataset.startswith(_TRANSLATION)


def numbers(column: str, values: pd.Series[Any]) -> pd.Series[float]:
    """Return a column as numbers; what is empty is NaN.

    Raises:
        ValueError: A value is no number; the message names the row, counted from 1.
    """
    found = pd.to_numeric(values, errors="coerce")
    broken = (found.isna() & values.notna()).to_numpy()
    if broken.any():
        place = int(broken.argmax())
        raise ValueError(f"row {place + 1}: {column} is {values.iloc[place]!r}. Expected a number: mend it.")
    return found.astype(float)


def check(table: pd.DataFrame, source: Path) -> None:
    """Check every row.

    Raises:
        ValueError: A row cannot be; the message names the file, the first such row (from 1, without the header), what
            was found there and what was expected.
    """
    dense = table.technique == "dense"
    known = {"dense", *TECHNIQUES}
    pruned = table.density.between(0, 1, inclusive="right")
    translation = pd.Series(
        [is_translation(network, dataset) for network, dataset in zip(table.network, table.dataset, strict=True)],
        index=table.index,
        dtype=bool,
    )
    greatest = translation.map({True: 100.0, False: 1.0})
    rules = {
        "network": (table.network.str.fullmatch(_NAME), "a name of letters, digits and _ . + -"),
        "dataset": (table.dataset.str.fullmatch(_NAME), "a name of letters, digits and _ . + -"),
        "technique": (table.technique.isin(known), f"one of {', '.join(sorted(known))}"),
        "schedule": (dense | table.schedule.isin(SCHEDULES), "one_shot, iterative or at_initialization"),
        "heuristic": (dense | table.heuristic.str.fullmatch(_NAME), "a name of letters, digits and _ . + -"),
        "density": (pruned, "the share of the weights that is kept, above 0 to 1"),
        "retrain_epochs": (table.retrain_epochs >= 0, "epochs, 0 or more"),
        "trial": ((table.trial >= 0) & (table.trial % 1 == 0), "a whole number, 0 or more"),
    }
    for column in ("test_accuracy", "validation_accuracy"):
        good = table[column].between(0, greatest)
        rules[column] = (good, "an accuracy from 0 to 1, or BLEU from 0 to 100 for translation")
    for column, (good, expected) in rules.items():
        if not good.all():
            place = int((~good).to_numpy().argmax())
            value = table[column].iloc[place]
            hint = nearest(str(value), known) if column == "technique" else ""
            others = int((~good).sum()) - 1
            more = f" {others} more rows are like it." if others else ""
            raise ValueError(
                f"{source}, row {place + 1}: {column} is {value!r}. Expected {expected}.{hint}{more} "
                "Correct the file, or leave these rows out."
            )
