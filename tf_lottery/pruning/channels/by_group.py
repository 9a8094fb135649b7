"""Choosing whole groups' channels by magnitude: which masks of kernels make a network that `shrink` makes smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.channels.groups import Group
from tf_lottery.pruning.masks import Mask

Keep = npt.NDArray[np.bool_]  # [channels of a group]


def choose(
    groups: Sequence[Group],
    *,
    kernels: Mapping[str, npt.NDArray[Any]],
    masks: Mapping[str, Mask],
    density: float,
    round_to: int,
) -> dict[str, Mask]:
    """Return masks that keep the same share of the channels of every group, nearest to a density of the whole network.

    A channel's score is the sum of the magnitudes of all weights that make it, in all layers that do (Li et al. 2017,
    section 3.1, for one layer; here for all that go together). The highest stay; of equals, the first.

    Args:
        groups: As `groups.groups` returns them.
        kernels: Weights by name.
        masks: The present ones, [*kernel]; what they do not keep stays away.
        density: Kept weights / all weights of these kernels.
        round_to: Channels that stay are a multiple of this, or all of their group; at least one such multiple stays.

    Raises:
        ValueError: There is nothing that could go, a density above the present one, or NaN among the weights.
    """
    if not groups:
        raise ValueError(
            "no channel of this network may go: each is read by a layer without a mask, or is one of the model's "
            "outputs. Expected layers between; tl.shrink says which stay whole. Prune weights: global_magnitude."
        )
    if any(np.isnan(kernel).any() for kernel in kernels.values()):
        raise ValueError("scores hold NaN: the network diverged. Prune from an earlier checkpoint.")
    present = sum(int(mask.sum()) for mask in masks.values()) / sum(mask.size for mask in masks.values())
    if density > present:
        raise ValueError(
            f"density {density:g}: expected at most {present:g}, the present one. A pruned channel never comes back."
        )
    scores = [_scores(group, kernels, masks) for group in groups]
    # Where the number of channels of some group changes: between two of its possible numbers.
    steps = sorted({0.0, 1.0} | {share for group in groups for share in _steps(group.size, round_to)})
    found = [
        _masks(groups, scores, masks, share, round_to)
        for share in _around(groups, scores, masks, density, steps, round_to)
    ]
    return min(found, key=lambda each: abs(_density(each) - density))


def _around(
    groups: Sequence[Group],
    scores: Sequence[Any],
    masks: Mapping[str, Mask],
    density: float,
    steps: list[float],
    round_to: int,
) -> list[float]:
    """Return the two shares next to each other between which the density lies."""
    low, high = 0, len(steps) - 1
    while high - low > 1:
        middle = (low + high) // 2
        above = _density(_masks(groups, scores, masks, steps[middle], round_to)) > density
        low, high = (low, middle) if above else (middle, high)
    return [steps[low], steps[high]]


def _scores(group: Group, kernels: Mapping[str, Any], masks: Mapping[str, Mask]) -> npt.NDArray[np.float64]:
    """Return each channel's score; -1 for one that is gone."""
    found, alive = np.zeros(group.size), np.zeros(group.size, np.bool_)
    for name, axis in group.makers.items():
        places, others = group.places[name][axis], tuple(each for each in range(kernels[name].ndim) if each != axis)
        inside = places >= 0
        is_alive = np.asarray(masks[name].any(axis=others))
        kept = np.where(masks[name] != 0, np.abs(kernels[name].astype(np.float64)), 0)
        np.add.at(found, places[inside], kept.sum(axis=others)[inside])
        np.logical_or.at(alive, places[inside], is_alive[inside])
    return np.where(alive, found, -1)


def _numbers(size: int, round_to: int) -> list[int]:
    """Return how many channels of so many may stay."""
    return [*range(round_to, size, round_to), size]


def _steps(size: int, round_to: int) -> list[float]:
    numbers = _numbers(size, round_to)
    return [(one + other) / 2 / size for one, other in pairwise(numbers)]


def _masks(
    groups: Sequence[Group], scores: Sequence[Any], masks: Mapping[str, Mask], share: float, round_to: int
) -> dict[str, Mask]:
    new = {name: mask.copy() for name, mask in masks.items()}
    for group, score in zip(groups, scores, strict=True):
        numbers = _numbers(group.size, round_to)
        gaps = [abs(each - share * group.size) for each in reversed(numbers)]
        number = numbers[-1 - int(np.argmin(gaps))]
        keep = np.zeros(group.size, np.bool_)
        keep[np.argsort(-score, kind="stable")[:number]] = True
        for name, axes in group.places.items():
            for axis, places in axes.items():
                stays = np.where(places >= 0, keep[places], True)
                new[name] &= stays.astype(np.uint8).reshape(
                    [-1 if each == axis else 1 for each in range(new[name].ndim)]
                )
    return new


def _density(masks: Mapping[str, Mask]) -> float:
    return sum(int(mask.sum()) for mask in masks.values()) / sum(mask.size for mask in masks.values())
