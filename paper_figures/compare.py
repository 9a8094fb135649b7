"""Published against ours: each cell of one's own results beside the published one of the same network and training."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery.command_names import experiment
from tf_lottery.pruning.by_filter import SAME_SETTING
from tf_lottery.rewinding.techniques import TECHNIQUES

from .blocks import Block, blocks, same_density, training_name
from .check import is_translation
from .doubtful import trials_of
from .look import dataset_name, network_name, pruning_name
from .recipe import other_recipe, precision_of

CELL = ("network", "dataset", "heuristic", "schedule", "technique", "density", "retrain_epochs")
COLUMNS = (
    *CELL,
    *("published_median", "published_low", "published_high", "published_trials", "published_doubtful"),
    *("median", "low", "high", "trials", "difference", "unit", "place", "training", "seed", "precision", "why"),
)
RULE = (
    "Medians over trials of test accuracy [%] or BLEU, lowest to highest in brackets; the difference is the own median "
    "minus the published one. Inside: the own median is within the published lowest to highest, ends included; "
    "dense networks' over all published ones."
)
CHANCE = (
    "Of networks that are equally good, one trial lies outside the range of n others with probability 2 / (n + 1): in "
    "half of the cells with three published trials."
)
Doubts = list[tuple[Block, npt.NDArray[np.object_]]]

_WIDTH = 100  # columns of a terminal
_TRAINING = ["network", "dataset", "training", "seed"]
_ORDER = {name: place for place, name in enumerate(("dense", *TECHNIQUES))}


def compare_table(published: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell of one's own: network, training, pruning, technique, density and t.

    Accuracies are in percent, or BLEU. `published_doubtful` names the published trials that the rule of
    `paper_figures/doubtful.py` finds, as "2, 3". `place` says where the own median is: inside the published range,
    below or above it; "" where nothing is published for the cell, and `why` has the reason.

    Args:
        published: Rows of `tables.published`.
        own: Rows of `tables.own`.
    """
    doubts = _doubts(published[published.network.isin(own.network)])
    rows = [
        _row(cell, published if precision else published[:0], precision, why, doubts)
        for _, training in own.groupby(_TRAINING, dropna=False)
        for precision, why in [_recipe(training, published)]
        for cell in _cells(training)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table.assign(
        rank=table.technique.map(_ORDER).fillna(len(_ORDER)), by_t=-table.retrain_epochs, ratio=-table.density
    ).sort_values([*_TRAINING, "schedule", "heuristic", "rank", "technique", "ratio", "by_t"])
    return table.loc[order.index].reset_index(drop=True)


def as_text(table: pd.DataFrame) -> str:
    """Return the table for a terminal of 100 columns: what has a partner, then what has none, by reason.

    Raises:
        ValueError: Nothing has a partner.
    """
    matched = table[table.place != ""]
    if not len(matched):
        raise ValueError(
            f"nothing to compare: {'; '.join(unmatched(table))}. Expected networks of the published table, trained by "
            f"the paper's recipe: {experiment()} --flagfile=flags/cifar10_resnet20.flags makes some."
        )
    parts = [f"{title}\n{text_table(rows).to_string(index=False)}" for title, rows in studies(matched)]
    told = [f"No published partner: {line}." for line in unmatched(table)]
    lines = [fill(line, _WIDTH, subsequent_indent="    ") for line in (summary(matched), *doubtful(matched), *told)]
    return "\n\n".join([*parts, "\n".join(lines), fill(f"{RULE} {CHANCE}", _WIDTH)])


def studies(matched: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the rows of each training and way of pruning with what they are of, dense networks with the first."""
    for _, training in matched.groupby(_TRAINING, dropna=False):
        first = training.iloc[0]
        of = f"{network_name(first.network)} on {dataset_name(first.dataset)}"
        by = f"{training_name(first.training, first.seed)}, {first.precision}"
        dense = training[training.technique == "dense"]
        ways = training[training.technique != "dense"].groupby(["schedule", "heuristic"])
        for place, ((schedule, heuristic), rows) in enumerate(ways):
            both = rows if place else pd.concat([dense, rows])
            yield f"{of}, {pruning_name(str(schedule), str(heuristic))} ({by})", both
        if not ways.ngroups:
            yield f"{of}, dense ({by})", dense


def text_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as text, in the columns of a terminal."""
    return pd.DataFrame(
        {
            "technique": rows.technique,
            "density": rows.density.map("{:.4f}".format),
            "t": rows.retrain_epochs.map("{:g}".format),
            "published": [
                _with_range(*values) + " ?" * bool(doubt)
                for *values, doubt in zip(
                    rows.published_median, rows.published_low, rows.published_high, rows.published_trials,
                    rows.published_doubtful, strict=True,
                )
            ],
            "trials": rows.published_trials.astype(str),
            "own": [
                _with_range(*values)
                for values in zip(rows["median"], rows.low, rows.high, rows.trials, strict=True)
            ],
            "trials ": rows.trials.astype(str),
            "diff.": rows.difference.map("{:+.2f}".format),
            "place": rows.place,
        }
    )  # fmt: skip


def summary(matched: pd.DataFrame) -> str:
    """Return how many cells are inside, below and above."""
    places = matched.place.value_counts()
    others = ", ".join(f"{places.get(place, 0)} {place}" for place in ("below", "above"))
    return f"Inside the published range: {places.get('inside', 0)} of {len(matched)}; {others}."


def doubtful(matched: pd.DataFrame) -> list[str]:
    """Return a sentence about published trials that are doubtful, [] for none."""
    rows = matched[matched.published_doubtful != ""]
    cells = [
        f"{row.technique} at {row.density:.4f} with t = {row.retrain_epochs:g} (trial {row.published_doubtful})"
        for row in rows.itertuples()
    ]
    return [f"? Published, but neighbours and trials do not allow it: {'; '.join(cells)}."] if cells else []


def unmatched(table: pd.DataFrame) -> list[str]:
    """Return what has no published partner, a sentence for each reason."""
    alone = table[table.place == ""]
    return [
        f"{len(rows)} cell{'' if len(rows) == 1 else 's'} ({rows.trials.sum()} "
        f"network{'' if rows.trials.sum() == 1 else 's'}) of {network} on {dataset}: {why}"
        for (network, dataset, why), rows in alone.groupby(["network", "dataset", "why"], sort=False)
    ]


def _recipe(training: pd.DataFrame, published: pd.DataFrame) -> tuple[str, str]:
    """Return what a training computed in, "" if it cannot be compared, and why not."""
    first = training.iloc[0]
    if not ((published.network == first.network) & (published.dataset == first.dataset)).any():
        return "", "no such network and data are published"
    precision = precision_of(training)
    return precision, "" if precision else other_recipe(training)


def _cells(training: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, cell in training.groupby(list(CELL), dropna=False):
        yield cell


def _of_technique(first: pd.Series[Any], published: pd.DataFrame) -> pd.DataFrame:
    """Return the published rows of a cell's network, pruning and technique, at every density and t."""
    names = [column for column in CELL if column not in ("density", "retrain_epochs")]
    same: npt.NDArray[np.bool_] = np.logical_and.reduce([published[name] == first[name] for name in names])
    return published.loc[same]


def _of_cell(first: pd.Series[Any], rows: pd.DataFrame) -> pd.DataFrame:
    """Return those of a cell's t and density; a density is one to the rounding that both have."""
    rows = rows[np.isclose(rows.retrain_epochs, first.retrain_epochs)]
    distance = (rows.density - first.density).abs()
    is_structured = str(first.heuristic).startswith("structured")
    near = [
        same_density(density, first.density) or (is_structured and abs(density - first.density) <= SAME_SETTING)
        for density in rows.density
    ]
    same: npt.NDArray[np.bool_] = np.array(near, bool) & (distance == distance.min()).to_numpy()
    return rows.loc[same]


def _doubts(published: pd.DataFrame) -> Doubts:
    """Return each way of pruning that is published, and its doubtful trials [technique, density, t]."""
    return [(block, trials_of(block)) for block in blocks(published)]


def _doubtful(partner: pd.DataFrame, doubts: Doubts) -> str:
    """Return which trials of a published cell are doubtful, as text."""
    if not len(partner) or partner.technique.iloc[0] == "dense":
        return ""
    first = partner.iloc[0]
    for block, trials in doubts:
        if block.kind == (first.network, first.dataset, first.heuristic, first.schedule):
            density = block.place(first.density)
            t = block.epochs.index(float(first.retrain_epochs))
            return "" if density is None else str(trials[block.techniques.index(first.technique), density, t])
    return ""


def _row(cell: pd.DataFrame, published: pd.DataFrame, precision: str, why: str, doubts: Doubts) -> dict[str, Any]:
    first = cell.iloc[0]
    among = _of_technique(first, published)
    partner = _of_cell(first, among)
    translation = is_translation(first.network, first.dataset)
    scale = 1.0 if translation else 100.0
    ours, theirs = cell.test_accuracy.astype(float) * scale, partner.test_accuracy.astype(float) * scale
    if not why and not len(partner):
        why = _no_cell(first, among)
    return {
        **{column: first[column] for column in CELL},
        "published_median": theirs.median(),
        "published_low": theirs.min(),
        "published_high": theirs.max(),
        "published_trials": len(theirs),
        "published_doubtful": _doubtful(partner, doubts),
        "median": ours.median(),
        "low": ours.min(),
        "high": ours.max(),
        "trials": len(ours),
        "difference": ours.median() - theirs.median(),
        "unit": "BLEU" if translation else "pp",
        "place": _place(ours.median(), theirs.min(), theirs.max()) if len(theirs) else "",
        "training": first.training,
        "seed": first.seed,
        "precision": precision,
        "why": why,
    }


def _no_cell(first: pd.Series[Any], among: pd.DataFrame) -> str:
    """Return why a cell has no partner among the published ones of its technique."""
    what = first.technique
    if what != "dense":
        what += f", {pruning_name(first.schedule, first.heuristic)}"
    if not len(among):
        return f"no {what} is published"
    epochs = sorted(among.retrain_epochs.unique())
    if not np.isclose(epochs, first.retrain_epochs).any():
        return f"{what} is not published at t = {first.retrain_epochs:g}, but at {', '.join(f'{t:g}' for t in epochs)}"
    return f"{what} is not published at {1 / first.density:.3g}x"


def _place(value: float, low: float, high: float) -> str:
    """Say where a value is to a range; what differs in its last bits only is the range's end."""
    return "below" if value < low - 1e-9 else "above" if value > high + 1e-9 else "inside"


def _with_range(median: float, low: float, high: float, trials: int) -> str:
    return f"{median:.2f}" + (f" ({low:.2f} to {high:.2f})" if trials > 1 else "")
