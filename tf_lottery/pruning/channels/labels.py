"""Labels: a number for each index of a tensor's channel axis, and which numbers stand for channels that go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.calls import Shape

Labels = npt.NDArray[np.intp]  # [channels], also in other shapes while they are arranged
Through = npt.NDArray[np.bool_]  # [sources, targets], whether a source is read for a target

PINNED = 0  # the label of every index that stays in any case


class NotFollowedError(Exception):
    """In words: why nobody knows how a layer's outputs belong to its inputs."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """What is known of a tensor of the graph.

    Without an axis it is whole: none of its indices ever goes.
    """

    shape: Shape  # the batch first
    axis: int | None = None  # from 0
    labels: Labels = field(default_factory=lambda: pinned(0))  # [shape[axis]], none without an axis

    def __post_init__(self) -> None:
        if self.axis is not None and self.shape[self.axis] != len(self.labels):
            raise NotFollowedError(f"axis {self.axis} of {self.shape} is not one of {len(self.labels)} channels")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """That targets are computed from sources, through a kernel."""

    sources: Labels
    targets: Labels
    through: Through


def pinned(size: int) -> Labels:
    """Return labels of indices that stay."""
    return np.full(size, PINNED, np.intp)


def classes(count: int, ties: Sequence[tuple[Labels, Labels]]) -> Labels:
    """Return the class of each label: the smallest label that it is tied to, directly or through others.

    Args:
        count: Of labels; they are 0 to count - 1.
        ties: Pairs of arrays, the first label of one tied to the first of the other and so on.
    """
    found = np.arange(count)
    if not ties:
        return found
    one, other = (np.concatenate([pair[side].ravel() for pair in ties]) for side in (0, 1))
    while True:
        before = found.copy()
        least = np.minimum(found[one], found[other])
        # What a label stands for now is lowered too: so whole classes join, not their members one by one.
        for side in (one, other):
            np.minimum.at(found, before[side], least)
            np.minimum.at(found, side, least)
        found = found[found]
        if np.array_equal(found, before):
            return found
