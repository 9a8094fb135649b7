"""The paper's rules: which retraining stands for a technique at a density, and what is told of its trials."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery.rewinding.techniques import TECHNIQUES

from .blocks import SAFE_ZONE, Block, Cells

# What every figure draws, and its CSV holds.
COLUMNS = ("network", "heuristic", "schedule", "technique", "density", "retrain_epochs", "value", "low", "high")
MORE_COLUMNS = ("trials", "search_cost", "dataset", "source", "training", "seed")
Chosen = npt.NDArray[np.intp]  # [technique, density], the place of t; -1 where there is none


def over_trials(cells: Cells) -> tuple[Cells, Cells, Cells]:
    """Return median, lowest and highest over the trials [..., trial] that there are; NaN where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, for cells without any trial: NaN is the answer
        return np.nanmedian(cells, axis=-1), np.nanmin(cells, axis=-1), np.nanmax(cells, axis=-1)


def best_retraining(block: Block) -> Chosen:
    """Return for each technique and density the t of the highest median validation accuracy; of equals, the smallest.

    The authors' rule (their code, vision/plot), which leaves the order of equals open.
    """
    medians = np.round(over_trials(block.validation)[0], 12)  # equal accuracies may differ in their last bit
    lowest = np.where(np.isnan(medians), -np.inf, medians)
    chosen = lowest.argmax(axis=2)  # the first of the highest: t ascends
    return np.where(np.isfinite(lowest.max(axis=2)), chosen, -1).astype(np.intp)


def fixed_retraining(block: Block) -> Chosen:
    """Return the greatest t, and for techniques that rewind weights the greatest up to 0.9 T.

    The authors' rule for comparing without a search over t (their code, vision/plot): CIFAR 150, ImageNet 81.
    """
    epochs = np.array(block.epochs)
    chosen = np.full((len(block.techniques), len(block.densities)), -1, np.intp)
    for row, technique in enumerate(block.techniques):
        bound = SAFE_ZONE[1] * block.total_epochs if rewinds_weights(technique) else np.inf
        there = (epochs <= bound + 1e-9) & ~np.isnan(block.test[row]).all(axis=(0, 2))
        if there.any():
            chosen[row] = np.flatnonzero(there)[-1]
    return chosen


def rewinds_weights(technique: str) -> bool:
    """Say whether a technique trains on from rewound weights; of one that is not known here, that it does not."""
    return technique in TECHNIQUES and TECHNIQUES[technique].weights == "rewound"


def full_retraining(block: Block) -> Chosen:
    """Return t = T, and -1 where no network was retrained so long."""
    places = np.flatnonzero(np.isclose(block.epochs, block.total_epochs))
    place = int(places[0]) if len(places) else -1
    return np.full((len(block.techniques), len(block.densities)), place, np.intp)


def picked(cells: Cells, chosen: Chosen) -> Cells:
    """Return the trials of the chosen t [technique, density, trial]; NaN where none is chosen."""
    found = np.take_along_axis(cells, np.maximum(chosen, 0)[:, :, None, None], axis=2)[:, :, 0, :]
    return np.where((chosen < 0)[:, :, None], np.nan, found)


def numbers(block: Block, cells: Cells, chosen: Chosen, techniques: Sequence[str]) -> pd.DataFrame:
    """Return the chosen cells as rows of a figure: median, lowest and highest over trials.

    Rows are ordered by technique, then by falling density. A missing cell is no row.
    """
    values = picked(cells, chosen)
    middle, low, high = over_trials(values)
    cost = block.search_cost
    rows = []
    for row, technique in enumerate(block.techniques):
        if technique not in techniques:
            continue
        for column, density in enumerate(block.densities):
            if np.isnan(middle[row, column]):
                continue
            place = chosen[row, column]
            rows.append(
                (
                    *(block.network, block.heuristic, block.schedule, technique, density, block.epochs[place]),
                    *(middle[row, column], low[row, column], high[row, column]),
                    int((~np.isnan(values[row, column])).sum()),
                    float(cost[row, column, place]),
                    *(block.dataset, block.source, block.training, block.seed),
                )
            )
    return pd.DataFrame(rows, columns=[*COLUMNS, *MORE_COLUMNS])


def numbers_by_epochs(block: Block, techniques: Sequence[str]) -> pd.DataFrame:
    """Return every cell of a block as rows of a figure."""
    shape = (len(block.techniques), len(block.densities))
    every = [
        numbers(block, block.change, np.full(shape, place, np.intp), techniques) for place in range(len(block.epochs))
    ]
    order = ["technique", "density", "retrain_epochs"]
    rank = {technique: place for place, technique in enumerate(block.techniques)}
    table = pd.concat(every, ignore_index=True).sort_values(
        order, key=lambda column: column.map(rank) if column.name == "technique" else column * _SIGN[str(column.name)]
    )
    return table.reset_index(drop=True)


_SIGN = {"density": -1, "retrain_epochs": 1}
