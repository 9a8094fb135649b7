"""The paper's rules: which retraining stands for a technique at a density, and what is told of its trials."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery.rewinding.techniques import TECHNIQUES

from . import doubtful
from .blocks import SAFE_ZONE, Block, Cells

# What every figure draws, and its CSV holds.
COLUMNS = ("network", "heuristic", "schedule", "technique", "density", "retrain_epochs", "value", "low", "high")
# What some figures need beside it, and their CSV holds only where it tells more.
MORE_COLUMNS = ("trials", "search_cost", "dataset", "source", "training", "seed", "doubtful")
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


def words(blocks: Sequence[Block]) -> str:
    """Return which t `best_retraining` takes in these, as figures tell it: the best of several where there were."""
    by_source: dict[str, list[Block]] = {}
    for block in blocks:
        by_source.setdefault(block.source, []).append(block)
    first, *others = {_words(group): None for group in by_source.values()}
    if not others:
        return first[:1].upper() + first[1:]
    told = [f"{source} {_few_words(group)}" for source, group in reversed(by_source.items())]
    return f"Retrain time: {'; '.join(told)}"


def _words(blocks: Sequence[Block]) -> str:
    ran, counts = _ran(blocks)
    if len(ran) == 1:
        return f"one retrain time, t = {ran[0]:g}"
    if counts == {1}:
        return f"one retrain time for each technique, t = {' or '.join(f'{t:g}' for t in ran)}"
    return "each technique at its best retrain time by validation" + (", where it has several" if 1 in counts else "")


def _few_words(blocks: Sequence[Block]) -> str:
    ran, counts = _ran(blocks)
    if counts == {1}:
        return f"t = {' or '.join(f'{t:g}' for t in ran)}"
    return "the best by validation" + (", or the only one" if 1 in counts else "")


def _ran(blocks: Sequence[Block]) -> tuple[list[float], set[int]]:
    """Return every t that ran, ascending, and how many there are for a technique."""
    each = [epochs_of(block, row) for block in blocks for row in range(len(block.techniques))]
    return sorted({t for ts in each for t in ts}), {len(ts) for ts in each}


def epochs_of(block: Block, technique: int) -> list[float]:
    """Return every t that a technique, by its place, ran for."""
    there = np.isfinite(block.test[technique]).any(axis=(0, 2))
    return [t for t, is_there in zip(block.epochs, there, strict=True) if is_there]


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


def equal_retraining(block: Block, techniques: Sequence[str]) -> Chosen:
    """Return one t for all of these techniques: the greatest up to 0.9 T that each has; -1 where there is none.

    Beyond 0.9 T rewound weights are those of a network that has hardly learned (the paper's safe zone), so this is the
    longest retraining at which all techniques are at their own.
    """
    rows = [row for row, technique in enumerate(block.techniques) if technique in techniques]
    there = np.isfinite(block.test[rows]).any(axis=(1, 3)).all(axis=0)  # [t]
    there &= np.array(block.epochs) <= SAFE_ZONE[1] * block.total_epochs + 1e-9
    place = int(np.flatnonzero(there)[-1]) if there.any() else -1
    return np.full((len(block.techniques), len(block.densities)), place, np.intp)


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

    Rows are ordered by technique, then by falling density. A missing cell is no row. `doubtful` has those of the trials
    whose accuracy is doubtful, as text.
    """
    values = picked(cells, chosen)
    middle, low, high = over_trials(values)
    cost, doubts = block.search_cost, doubtful.trials_of(block)
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
                    *(block.dataset, block.source, block.training, block.seed, doubts[row, column, place]),
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
