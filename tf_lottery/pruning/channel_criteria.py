"""Criteria of channels, one row each: a score for each member of a channel; the lowest sums over members go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.pruning.criterion import MapQuantity, Values

# What a channel's members are, and what is seen of each:
# filters: in each kernel that makes it, its weights (those that are pruned are 0);
# scales: in each batch norm behind it, its scale;
# maps: of each layer that makes it, numbers that are collected of its feature map;
# ablation: the channel itself, by how much the loss rises without it.
Members = Literal["filters", "scales", "maps", "ablation"]


@dataclass(frozen=True, kw_only=True)
class ChannelCriterion:
    """One way to score channels; the lowest go first."""

    members: Members
    score: Callable[[Values, np.random.Generator], Values]  # [members of a layer that are left, numbers] -> [members]
    meaning: str
    source: str
    quantity: MapQuantity | None = None  # of maps


def _l1(values: Values, _: np.random.Generator) -> Values:
    return np.abs(values).sum(axis=1)


def _l2(values: Values, _: np.random.Generator) -> Values:
    return np.asarray(np.linalg.norm(values, axis=1))


def _mean_square(values: Values, _: np.random.Generator) -> Values:
    return np.square(values).mean(axis=1)


def _distances(values: Values, _: np.random.Generator) -> Values:
    """Return the sum of the Euclidean distances to all others."""
    return np.array([np.linalg.norm(values - one, axis=1).sum() for one in values])


def _first(values: Values, _: np.random.Generator) -> Values:
    return values[:, 0].copy()


def _absolute(values: Values, _: np.random.Generator) -> Values:
    return np.abs(values[:, 0])


def _std(values: Values, _: np.random.Generator) -> Values:
    mean, mean_of_squares = values.T
    return np.asarray(np.sqrt(np.maximum(mean_of_squares - mean**2, 0)))


def _random(values: Values, generator: np.random.Generator) -> Values:
    return generator.random(len(values))


CHANNEL_CRITERIA: Mapping[str, ChannelCriterion] = {
    "filter_l1": ChannelCriterion(
        members="filters", score=_l1, meaning="sum of |w| of the filter", source="Li et al. 2017, section 3.1"
    ),
    "filter_l2": ChannelCriterion(
        members="filters", score=_l2, meaning="l2 norm of the filter", source="He et al. 2018 (soft filter pruning)"
    ),
    "filter_mean_square": ChannelCriterion(
        members="filters",
        score=_mean_square,
        meaning="mean of w^2 of the filter",
        source="Molchanov et al. 2017, section 2.2 (minimum weight)",
    ),
    "geometric_median": ChannelCriterion(
        members="filters",
        score=_distances,
        meaning="sum of the distances to the layer's other filters",
        source="He et al. 2019 (FPGM); he-y/filter-pruning-geometric-median",
    ),
    "batch_norm_scale": ChannelCriterion(
        members="scales",
        score=_absolute,
        meaning="|gamma| of batch norm",
        source="Liu et al. 2017 (network slimming)",
    ),
    "map_mean": ChannelCriterion(
        members="maps",
        quantity="moments",
        score=_first,
        meaning="mean of the map over examples and positions",
        source="Molchanov et al. 2017, section 2.2",
    ),
    "map_std": ChannelCriterion(
        members="maps",
        quantity="moments",
        score=_std,
        meaning="standard deviation of the map over examples and positions",
        source="Molchanov et al. 2017, section 2.2",
    ),
    "map_nonzero": ChannelCriterion(
        members="maps",
        quantity="nonzero",
        score=_first,
        meaning="share of the map that is not 0: one less its average percentage of zeros (APoZ)",
        source="Hu et al. 2016",
    ),
    "map_taylor": ChannelCriterion(
        members="maps",
        quantity="taylor",
        score=_first,
        meaning="mean over examples of |mean over positions of z dL/dz|",
        source="Molchanov et al. 2017, section 2.2; not their later code, with |.| at each position",
    ),
    "loss_change": ChannelCriterion(
        members="ablation",
        score=_first,
        meaning="rise of the loss without the channel: oracle-loss",
        source="Molchanov et al. 2017, section 2.1",
    ),
    "absolute_loss_change": ChannelCriterion(
        members="ablation",
        score=_absolute,
        meaning="|rise of the loss without the channel|: oracle-abs",
        source="Molchanov et al. 2017, section 2.1",
    ),
    "random_channel": ChannelCriterion(
        members="filters", score=_random, meaning="a uniform random number in [0, 1)", source="a control of all of them"
    ),
}
