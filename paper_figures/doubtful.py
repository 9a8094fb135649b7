"""Accuracies that neither their neighbours nor the spread of trials allow, found by one rule.

**The rule.** The median accuracies of a technique are a surface over retrain epochs t and density. It is smooth, up to
the trials' noise. An accuracy is doubtful if along t *and* along density it is above all that its neighbours allow, or
below in both, by more than `FAR` times the noise:

- Where there are neighbours on both sides, they allow a peak no higher than the higher side, and a side counts by the
  lower of its two nearest cells (of a dip: the other way round). One doubtful neighbour thus allows nothing. A slope,
  be it as steep as it may, is neither peak nor dip.
- At an end, where there are neighbours on one side only, the slope of the two nearest may go on twice as steep.
- The noise is the standard deviation over trials, from the median range of three trials (of normal numbers 1.588
  times it): the median along t, along density, or over the technique, whichever is greatest. A few doubtful cells do
  not move a median; and where all of a line is noisy, as of weights rewound to initialisation, so is the measure.

Not judged are the four corners, which no neighbour lies beyond, blocks of fewer than three t or densities, and a single
trial. That a cell's trials agree is no defence: published, all six of two cells of ResNet-50 are as doubtful.

**The constant.** Of the 10,140 published accuracies 15 are beyond `FAR` = 5, the nearest of them at 5.5; the next one
is at 4.9, and beyond 4 there are 18: what is found hardly hangs on it. On flat surfaces of the published shapes, drawn
20 times, normal noise gives 1 beyond 5 among 200,000, and noise with the heavy tails of Student's t with 5 degrees of
freedom 8 among 10,000. A doubtful accuracy is a question to whoever trained the network, no proof of an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .blocks import Block, Cells
from .look import name, network_name, pruning_name

FAR = 5.0  # standard deviations of the trials
# Of so many normal numbers of standard deviation 1 (their studentized range at one half).
_MEDIAN_RANGE = {2: 0.954, 3: 1.588, 4: 1.978, 5: 2.257}
_STEEPER = 2.0  # times the slope of the last two, at an end


def doubtful(block: Block) -> npt.NDArray[np.bool_]:
    """Return which accuracies are doubtful [technique, density, t, trial], by the rule above."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, for cells without any trial, and lines without any
        medians = np.nanmedian(block.change, axis=-1)
        noise = _noise(block)
        high = np.minimum(*(block.change - _allowed(medians, axis)[..., None] for axis in (1, 2)))
        low = np.minimum(*(-block.change - _allowed(-medians, axis)[..., None] for axis in (1, 2)))
        found = np.maximum(high, low) > FAR * noise[..., None]
    found[:, :: max(1, found.shape[1] - 1), :: max(1, found.shape[2] - 1)] = False
    return np.asarray(found)


def trials_of(block: Block) -> npt.NDArray[np.object_]:
    """Return the doubtful trials of each cell [technique, density, t] as text, "1, 3"; "" where there is none."""
    found = doubtful(block)
    texts = np.full(found.shape[:-1], "", dtype=object)
    for place in zip(*np.nonzero(found.any(axis=-1)), strict=True):
        texts[place] = ", ".join(str(trial) for trial, is_so in zip(block.trials, found[place], strict=True) if is_so)
    return texts


def told(numbers: pd.DataFrame) -> str:
    """Return the sentence about the doubtful trials behind the numbers of a figure, "" for none.

    Args:
        numbers: With what `select.numbers` has. `doubtful` may name techniques: "2 of fine_tune; 1, 3 of lr_rewind".
    """
    rows = numbers[numbers.doubtful != ""]
    prunings = numbers[["network", "schedule", "heuristic"]].drop_duplicates()
    cells: dict[str, dict[str, dict[str, None]]] = {}  # technique, ratio, t and trials; each told once
    for _, row in rows.iterrows():
        for part in row.doubtful.split("; "):
            trials, _, technique = part.partition(" of ")
            who = name(technique or row.technique) + _where(row, prunings)
            t = f"{row.retrain_epochs:g} (trial{'s' * (',' in trials)} {trials})"
            cells.setdefault(who, {}).setdefault(f"{1 / row.density:.3g}x", {})[t] = None
    if not cells:
        return ""
    listed = "; ".join(
        f"{who} at {' and '.join(f'{ratio} with t = {_joined(ts)}' for ratio, ts in at.items())}"
        for who, at in cells.items()
    )
    return f" Ringed: doubtful, for neighbours and trials do not allow it: {listed}."


def _where(row: pd.Series[Any], prunings: pd.DataFrame) -> str:
    """Return whose the row is, and how it was pruned, where a figure has several."""
    words = [] if row.source == "published" else ["own"]
    words += [network_name(row.network)] if prunings.network.nunique() > 1 else []
    if len(prunings[["schedule", "heuristic"]].drop_duplicates()) > 1:
        words.append(pruning_name(row.schedule, row.heuristic))
    return f" ({', '.join(words)})" if words else ""


def _joined(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _noise(block: Block) -> Cells:
    """Return the standard deviation of trials [technique, density, t]; NaN where fewer than two are known."""
    known = (~np.isnan(block.change)).sum(axis=-1)
    ranges = np.nanmax(block.change, axis=-1) - np.nanmin(block.change, axis=-1)
    usual = np.full(known.shape, np.nan)
    for count, of_normal in _MEDIAN_RANGE.items():
        usual[known == count] = of_normal
    usual[known > max(_MEDIAN_RANGE)] = _MEDIAN_RANGE[max(_MEDIAN_RANGE)]
    deviations = ranges / usual
    lines = (np.nanmedian(deviations, axis=axis, keepdims=True) for axis in (1, 2, (1, 2)))
    along_density, along_t, of_technique = lines
    return np.asarray(np.maximum(np.maximum(along_density, along_t), of_technique))


def _allowed(medians: Cells, axis: int) -> Cells:
    """Return the highest that neighbours along an axis allow; NaN where they say nothing."""
    count = medians.shape[axis]
    line = np.moveaxis(medians, axis, -1)
    padded = np.pad(line, ((0, 0), (0, 0), (2, 2)), constant_values=np.nan)
    far_before, before, after, far_after = (padded[..., step : step + count] for step in (0, 1, 3, 4))
    sides = np.fmin(before, far_before), np.fmin(after, far_after)
    inside = np.maximum(*sides)
    ends = [
        np.maximum(np.maximum(near, far), near + _STEEPER * (near - far))
        for near, far in ((before, far_before), (after, far_after))
    ]
    allowed = np.where(np.isnan(sides[0]), ends[1], np.where(np.isnan(sides[1]), ends[0], inside))
    return np.asarray(np.moveaxis(allowed, -1, axis))
