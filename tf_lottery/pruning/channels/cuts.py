"""Where to cut: which channels of all groups stay, by their scores, so that a share of the network is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.channels.group import Group
from tf_lottery.pruning.masks import Mask

ChannelScores = npt.NDArray[np.floating[Any]]  # [channels of a group], -inf for one that is gone
DensityOf = Literal["weights", "channels", "flops"]  # of what a density is the kept share


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How channels are cut off, and what is counted."""

    # share: the same share of each group's channels stays; global: the highest scores of all groups together.
    scope: Literal["share", "global"]
    round_to: int  # channels that stay are a multiple of this, or all of their group; at least one such multiple stays
    density_of: DensityOf
    uses: Mapping[str, int]  # by kernel: how often an example uses each weight of it; for flops


def alive(group: Group, masks: Mapping[str, Mask]) -> npt.NDArray[np.bool_]:
    """Return of which channels a mask keeps anything where they are made."""
    found = np.zeros(group.size, np.bool_)
    for name, axis in group.makers.items():
        places = group.places[name][axis]
        there = np.asarray(masks[name].any(axis=tuple(each for each in range(masks[name].ndim) if each != axis)))
        np.logical_or.at(found, places[places >= 0], there[places >= 0])
    return found


def choose(
    groups: Sequence[Group],
    scores: Sequence[ChannelScores],
    masks: Mapping[str, Mask],
    density: float,
    cut: Cut,
) -> dict[str, Mask]:
    """Return masks that keep the channels of the highest scores, of equals the first, nearest to a density.

    Where fewer channels are left already than the density keeps, for it lies between two numbers of channels, none go.

    Args:
        groups: Some or all of a network's; channels of no group stay.
        scores: Of each group.
        masks: The present ones, [*kernel]; what they do not keep stays away.
        density: Kept / all weights of these kernels, channels of these groups, or FLOPs of these kernels.
        cut: How.

    Raises:
        ValueError: A density above the present one, or NaN among the scores.
    """
    if any(np.isnan(score).any() for score in scores):
        raise ValueError("scores hold NaN: the network diverged. Prune from an earlier checkpoint.")
    numbers = _numbers_by_share(groups, cut) if cut.scope == "share" else _numbers_by_score(groups, scores, cut)
    present = share(groups, masks, cut)
    if density > present:
        dense = {name: np.ones_like(mask) for name, mask in masks.items()}
        below, above = (share(groups, each, cut) for each in _around(groups, scores, dense, density, numbers, cut))
        if density - present > max(above - below, 1e-9):
            raise ValueError(
                f"density {density:g}: expected at most {present:g}, the present one. A pruned channel never comes "
                "back."
            )
        return {name: mask.copy() for name, mask in masks.items()}
    found = _around(groups, scores, masks, density, numbers, cut)
    return min(found, key=lambda each: abs(share(groups, each, cut) - density))


def share(groups: Sequence[Group], masks: Mapping[str, Mask], cut: Cut) -> float:
    """Return what masks keep, as a share of all: weights, channels of these groups, or FLOPs of the kernels."""
    if cut.density_of == "channels":
        return sum(int(alive(group, masks).sum()) for group in groups) / sum(group.size for group in groups)
    uses = {name: cut.uses[name] if cut.density_of == "flops" else 1 for name in masks}
    kept = sum(uses[name] * int(np.count_nonzero(mask)) for name, mask in masks.items())
    return kept / sum(uses[name] * mask.size for name, mask in masks.items())


def _around(
    groups: Sequence[Group],
    scores: Sequence[ChannelScores],
    masks: Mapping[str, Mask],
    density: float,
    numbers: _Numbers,
    cut: Cut,
) -> list[dict[str, Mask]]:
    """Return the masks of the two steps next to each other between which the density lies."""
    low, high = 0, numbers.steps - 1
    while high - low > 1:
        middle = (low + high) // 2
        above = share(groups, _masks(groups, scores, masks, numbers(middle)), cut) > density
        low, high = (low, middle) if above else (middle, high)
    return [_masks(groups, scores, masks, numbers(step)) for step in (low, high)]


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """How many channels of each group stay, at each step; never fewer at a later one."""

    steps: int
    at: Callable[[int], Sequence[int]]

    def __call__(self, step: int) -> Sequence[int]:
        return self.at(step)


def _numbers_by_share(groups: Sequence[Group], cut: Cut) -> _Numbers:
    possible = [_possible(group.size, cut.round_to) for group in groups]
    # Where the number of some group changes: between two of its possible numbers.
    between = {(one + other) / 2 / numbers[-1] for numbers in possible for one, other in pairwise(numbers)}
    shares = sorted({0.0, 1.0} | between)
    return _Numbers(
        steps=len(shares), at=lambda step: [_nearest(numbers, shares[step] * numbers[-1]) for numbers in possible]
    )


def _numbers_by_score(groups: Sequence[Group], scores: Sequence[ChannelScores], cut: Cut) -> _Numbers:
    possible = [_possible(group.size, cut.round_to) for group in groups]
    group_of = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    order = group_of[np.argsort(-np.concatenate(scores), kind="stable")]

    def at(step: int) -> list[int]:
        counts = np.bincount(order[:step], minlength=len(groups))
        return [_nearest(numbers, count) for numbers, count in zip(possible, counts, strict=True)]

    return _Numbers(steps=len(order) + 1, at=at)


def _possible(size: int, round_to: int) -> list[int]:
    """Return how many channels of so many may stay."""
    return [*range(round_to, size, round_to), size]


def _nearest(numbers: Sequence[int], wanted: float) -> int:
    """Return the nearest number, of two the larger."""
    return min(reversed(numbers), key=lambda number: abs(number - wanted))


def _masks(
    groups: Sequence[Group], scores: Sequence[ChannelScores], masks: Mapping[str, Mask], numbers: Sequence[int]
) -> dict[str, Mask]:
    new: dict[str, Any] = {name: mask.copy() for name, mask in masks.items()}
    for group, score, number in zip(groups, scores, numbers, strict=True):
        if number < group.size:
            keep = np.zeros(group.size, np.bool_)
            keep[np.argsort(-score, kind="stable")[:number]] = True
            _clear(new, group, ~keep)
    return new


def without(masks: Mapping[str, Mask], group: Group, channel: int) -> dict[str, Mask]:
    """Return the masks of the kernels that make or read one channel, without it."""
    new: dict[str, Any] = {name: masks[name].copy() for name in group.places}
    _clear(new, group, np.arange(group.size) == channel)
    return new


def _clear(masks: dict[str, Mask], group: Group, gone: npt.NDArray[np.bool_]) -> None:
    for name, axes in group.places.items():
        for axis, places in axes.items():
            stays = ~np.where(places >= 0, gone[places], False)
            masks[name] &= stays.astype(np.uint8).reshape(
                [-1 if each == axis else 1 for each in range(masks[name].ndim)]
            )
