"""How far a statistic moves when the trials are drawn again: the bootstrap over trials."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from .blocks import Block

_EVERY = 300  # up to so many ways to draw, all are taken: 3 trials can be drawn in 27 ways, 4 in 256
_DRAWS = 300
_SHARE = (5.0, 95.0)  # percentiles: a 90% interval


def shared_trials(blocks: Sequence[Block], techniques: Sequence[str]) -> tuple[int, ...]:
    """Return the trials in which each block has some network of each of these techniques."""
    there = []
    for block in blocks:
        has = np.asarray(np.isfinite(block.test).any(axis=(1, 2)))  # [technique, trial]
        rows = [has[block.techniques.index(technique)] for technique in techniques]
        there += [{trial for trial, known in zip(block.trials, row, strict=True) if known} for row in rows]
    return tuple(sorted(set.intersection(*there)))


def interval(
    statistic: Callable[..., float | None], blocks: Sequence[Block], trials: Sequence[int]
) -> tuple[float, float] | None:
    """Return the 5th and 95th percentile of a statistic over trials drawn with replacement; None with one trial.

    A trial is drawn for all cells of all blocks together, since they may share a dense network. The dense mean is kept.
    Selection of t by validation is done again in each draw.

    Args:
        statistic: Of the blocks.
        blocks: What it is computed from.
        trials: To draw from, each in all blocks.
    """
    count = len(trials)
    if count < 2:
        return None
    if count**count <= _EVERY:
        draws = np.array(list(itertools.product(range(count), repeat=count)))
    else:
        draws = np.random.default_rng(0).integers(0, count, (_DRAWS, count))
    # Draws that differ in order alone give the same medians.
    found, weights = np.unique(np.sort(draws, axis=1), axis=0, return_counts=True)
    places = [np.array([block.trials.index(trial) for trial in trials]) for block in blocks]
    values = [
        statistic(*(block.resampled(place[draw]) for block, place in zip(blocks, places, strict=True)))
        for draw in found
    ]
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if not known:
        return None
    low, high = np.percentile(np.repeat([v for v, _ in known], [w for _, w in known]), _SHARE)
    return float(low), float(high)
