"""Results as arrays: all networks of one study that were pruned one way, by technique, density, t and trial."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery.pruning.by_filter import SAME_SETTING
from tf_lottery.rewinding.techniques import TECHNIQUES

from .authors import TOTAL_EPOCHS, level
from .check import is_translation

Cells = npt.NDArray[np.float64]  # [technique, density, t, trial]; NaN where there is no such network

# Two densities are one if they differ by less: published one-shot densities are 0.8^k to 4 digits, others unrounded.
SAME_DENSITY = 5e-4
CORE = ("fine_tune", "weight_rewind", "lr_rewind")  # what the paper compares; the others are controls
SAFE_ZONE = (0.25, 0.9)  # of T, from where to where rewinding pays (the authors' code, vision/plot/common.py)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Networks of one training, heuristic and schedule, and the dense networks that they are compared with."""

    source: str  # published or own
    network: str
    dataset: str
    training: str  # tells apart trainings of one network; "" for the published one
    seed: float
    heuristic: str
    schedule: str
    total_epochs: float  # T
    dense: npt.NDArray[np.float64]  # [dense network], test accuracy
    dense_flops: float  # NaN if unknown
    techniques: tuple[str, ...]
    densities: tuple[float, ...]  # descending
    epochs: tuple[float, ...]  # every t, ascending
    trials: tuple[int, ...]
    test: Cells
    validation: Cells
    start: Cells  # test accuracy right after pruning, before retraining; NaN where results do not tell it
    flops: Cells
    cost: Cells
    recipe: str
    store: str  # the run store that the results are from, "" if they stand alone

    @property
    def unit(self) -> str:
        """What differences of accuracy are counted in."""
        return "BLEU" if is_translation(self.network, self.dataset) else "pp"

    @property
    def scale(self) -> float:
        """From the table's accuracies to that unit."""
        return 1.0 if self.unit == "BLEU" else 100.0

    @property
    def change(self) -> Cells:
        """Test accuracy minus the mean of all dense networks, in that unit.

        The mean over all of them, not the trial's own parent (the authors' code, vision/plot/common.py).
        """
        return (self.test - float(self.dense.mean())) * self.scale

    @property
    def search_cost(self) -> Cells:
        """Retraining epochs to reach each cell [technique, density, t]; of all levels in a chain (the paper, sec. 4).

        As the table says; where it does not, t times the level.
        """
        levels = level(np.array(self.densities)) if self.schedule == "iterative" else np.ones(len(self.densities))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # cells without any trial
            told = np.nanmedian(self.cost, axis=-1)
        return np.where(np.isnan(told), levels[:, None] * np.array(self.epochs), told)

    @property
    def is_structured(self) -> bool:
        """Whether whole filters were pruned."""
        return self.heuristic.startswith("structured")

    def place(self, density: float) -> int | None:
        """Return the place of a density among ours, None if it is not there.

        A setting of structured pruning has no one density: its counts of filters were rounded in several ways.
        """
        distances = np.abs(np.array(self.densities) - density)
        place = int(distances.argmin())
        is_same = same_density(self.densities[place], density)
        return place if is_same or (self.is_structured and distances[place] <= SAME_SETTING) else None

    def resampled(self, trials: npt.NDArray[np.intp]) -> Block:
        """Return the block of these trials, by their place; one may be there twice."""
        return replace(
            self,
            test=self.test[..., trials],
            validation=self.validation[..., trials],
            start=self.start[..., trials],
            flops=self.flops[..., trials],
            cost=self.cost[..., trials],
            trials=tuple(self.trials[trial] for trial in trials),
        )

    @property
    def study(self) -> tuple[str, ...]:
        """What tells the networks that are compared with the same dense ones from all others."""
        return self.source, self.network, self.dataset, self.training, str(self.seed)

    @property
    def kind(self) -> tuple[str, ...]:
        """Network, dataset and pruning, whoever trained it and how."""
        return self.network, self.dataset, self.heuristic, self.schedule

    def told_apart(self, among: Iterable[Block]) -> str:
        """Return training and seed as text if others among these are of the same network and dataset, else ""."""
        others = {b.study for b in among if b.study[:3] == self.study[:3]} - {self.study}
        return training_name(self.training, self.seed) if others else ""


def same_density(one: float, other: float) -> bool:
    """Say whether two densities are one, but for rounding."""
    return abs(one - other) <= SAME_DENSITY * max(one, other)


_STUDY = ["source", "network", "dataset", "training", "seed"]


def blocks(table: pd.DataFrame) -> list[Block]:
    """Return the blocks of a table with a `source` column; what has no dense network to compare with is left out."""
    return list(_blocks(table))


def left_out(table: pd.DataFrame) -> list[str]:
    """Return what `blocks` leaves out, a sentence for each training without dense networks."""
    has_dense = (table.technique == "dense").groupby(_keys(table)).transform("any")
    alone = table[~has_dense]
    return [
        f"{len(rows)} networks of {rows.network.iloc[0]} on {rows.dataset.iloc[0]} "
        f"({training_name(rows.training.iloc[0], float(rows.seed.iloc[0]))}) are left out: there is no dense "
        "network to compare them with. Add the results that have it"
        for _, rows in alone.groupby(_keys(alone))
    ]


def training_name(training: str, seed: float) -> str:
    """Return what tells a training from another of the same network, for people."""
    return f"training {training or 'unnamed'}" + ("" if np.isnan(seed) else f", seed {seed:g}")


def _keys(table: pd.DataFrame) -> pd.Series[Any]:
    """Return each row's study as text, for NaN is not equal to itself."""
    texts = table[_STUDY].map(str)
    return texts[_STUDY[0]].str.cat(texts[_STUDY[1:]], sep=" ")


def _blocks(table: pd.DataFrame) -> Iterator[Block]:
    pruned = table[table.technique != "dense"]
    dense = table[table.technique == "dense"]
    # By text, for NaN is not equal to itself.
    dense_of = {tuple(map(str, key)): rows for key, rows in dense.groupby(_STUDY, dropna=False)}
    for key, rows in pruned.groupby([*_STUDY, "heuristic", "schedule"], dropna=False):
        source, network, dataset, training, seed, heuristic, schedule = map(str, key)
        bases = dense_of.get((source, network, dataset, training, seed))
        if bases is None:
            continue
        densities, density_places = _clustered(rows)
        techniques = _ordered(rows.technique.unique())
        epochs = tuple(sorted(float(t) for t in rows.retrain_epochs.unique()))
        trials = tuple(sorted(int(trial) for trial in rows.trial.unique()))
        places = (
            rows.technique.map({name: place for place, name in enumerate(techniques)}).to_numpy(),
            density_places,
            rows.retrain_epochs.map({t: place for place, t in enumerate(epochs)}).to_numpy(),
            rows.trial.map({trial: place for place, trial in enumerate(trials)}).to_numpy(),
        )
        shape = (len(techniques), len(densities), len(epochs), len(trials))
        yield Block(
            source=source,
            network=network,
            dataset=dataset,
            training=training,
            seed=float(seed) if seed not in ("None", "<NA>") else float("nan"),
            heuristic=heuristic,
            schedule=schedule,
            total_epochs=_total_epochs(source, dataset, bases, epochs),
            dense=bases.test_accuracy.to_numpy(float),
            dense_flops=float(bases.flops.astype(float).median()) if bases.flops.notna().any() else float("nan"),
            techniques=techniques,
            densities=densities,
            epochs=epochs,
            trials=trials,
            recipe=str(bases.recipe.iloc[0]),
            store=str(rows.store.iloc[0]) if "store" in rows and rows.store.notna().any() else "",
            **{
                name: _filled(shape, places, rows[column] if column in rows else rows.test_accuracy * np.nan)
                for name, column in (
                    ("test", "test_accuracy"),
                    ("validation", "validation_accuracy"),
                    ("start", "start_test_accuracy"),
                    ("flops", "flops"),
                    ("cost", "search_cost"),
                )
            },
        )


def _filled(shape: tuple[int, ...], places: tuple[npt.NDArray[Any], ...], values: pd.Series[float]) -> Cells:
    cells = np.full(shape, np.nan)
    cells[places] = values.to_numpy(float, na_value=np.nan)
    return cells


def _clustered(rows: pd.DataFrame) -> tuple[tuple[float, ...], npt.NDArray[np.intp]]:
    """Return the distinct densities, descending, and the place of each row's among them.

    Densities that are one but for rounding are one, unless some network is there at both.
    """
    densities = rows.density.to_numpy(float)
    every = np.unique(densities)[::-1]
    distinct: list[float] = []
    for density in every:
        if not distinct or not same_density(distinct[-1], density):
            distinct.append(float(density))
    places = np.abs(densities[:, None] - np.array(distinct)[None, :]).argmin(axis=1)
    cells = rows[["technique", "retrain_epochs", "trial"]].assign(place=places)
    if cells.duplicated().any():
        return tuple(map(float, every)), np.searchsorted(-every, -densities)
    return tuple(distinct), places


def _ordered(found: Sequence[str] | npt.NDArray[np.object_]) -> tuple[str, ...]:
    """Return techniques in the order of the table of techniques, new ones after them."""
    known = [name for name in TECHNIQUES if name in found]
    return (*known, *sorted(set(found) - set(known)))


def _total_epochs(source: str, dataset: str, dense: pd.DataFrame, epochs: Sequence[float]) -> float:
    """Return T: as the table says, or as the authors' recipes do, or else the greatest t."""
    if dense.epochs.notna().any():
        return float(dense.epochs.astype(float).max())
    if source == "published" and dataset in TOTAL_EPOCHS:
        return TOTAL_EPOCHS[dataset]
    return max(epochs)
