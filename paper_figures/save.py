"""Writing figures: PNG, SVG, and the numbers that were drawn as CSV."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd

from paper_figures.accuracy import accuracy_figure, accuracy_numbers

_GROUP = ["network", "dataset", "training", "seed", "heuristic", "schedule"]


def save_figures(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw each network, dataset, training, heuristic and schedule of the table, and return the PNG files.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pruned = table[table.technique != "dense"]
    written: list[Path] = []
    for key, rows in pruned.groupby(_GROUP, dropna=False):
        network, dataset, training, seed, heuristic, schedule = map(str, key)
        dense = table[(table.technique == "dense") & (table[_GROUP[:4]] == list(key[:4])).all(axis=1)]
        numbers = accuracy_numbers(pd.concat([dense, rows]))
        title = f"{network} on {dataset}, {schedule.replace('_', '-')} {heuristic.replace('_', ' ')} pruning"
        stem = f"accuracy-{dataset}-{network}-{schedule}-{heuristic}"
        if pruned.groupby(["training", "seed"]).ngroups > 1:
            stem += f"-{training}-seed_{seed}"
        figure = accuracy_figure(numbers, title)
        numbers.to_csv(folder / f"{stem}.csv", index=False, lineterminator="\n")
        # The same numbers make the same bytes: no date, no random names in the SVG.
        with mpl.rc_context({"svg.hashsalt": stem}):
            figure.savefig(folder / f"{stem}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{stem}.png", metadata={"Software": None})
        written.append(folder / f"{stem}.png")
    return written
