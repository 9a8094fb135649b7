"""How far a statistic moves when the trials are drawn again: the bootstrap over trials."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from paper_figures.blocks import Block

_EVERY = 300  # up to so many ways to draw, all are taken: 3 trials can be drawn in 27 ways, 4 in 256
_DRAWS = 300
_SHARE = (5.0, 95.0)  # percentiles: a 90% interval


def interval(statistic: Callable[[Block], float | None], block: Block) -> tuple[float, float] | None:
    """Return the 5th and 95th percentile of the statistic over trials drawn with replacement; None with one trial.

    A trial is drawn for all cells together, since cells of one trial may share a dense network. The dense mean is kept.
    Selection of t by validation is done again in each draw.
    """
    count = len(block.trials)
    if count < 2:
        return None
    if count**count <= _EVERY:
        draws = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        draws = np.random.default_rng(0).integers(0, count, (_DRAWS, count))
    # Draws that differ in order alone give the same medians.
    found, weights = np.unique(np.sort(draws, axis=1), axis=0, return_counts=True)
    values = [statistic(block.resampled(draw)) for draw in found]
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if not known:
        return None
    low, high = np.percentile(np.repeat([v for v, _ in known], [w for _, w in known]), _SHARE)
    return float(low), float(high)
