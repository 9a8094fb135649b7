"""What a criterion is: a score for each prunable weight, of what it sees of a kernel and of examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.channels.group import Group
from tf_lottery.pruning.masks import Kernel, Mask, Scores

# What can be collected of a model for each weight: a row of `tf_lottery/pruning/quantities.py`, or synaptic_flow.
Quantity = Literal[
    "gradient",
    "squared_gradient",
    "hessian_gradient",
    "hessian_diagonal",
    "second_order",
    "synaptic_flow",
]

# What can be collected of a map: a row of `tf_lottery/pruning/map_quantities.py`.
MapQuantity = Literal["taylor", "moments", "nonzero"]
Values = npt.NDArray[np.floating[Any]]


class CannotCollectError(ValueError):
    """What a criterion wants to know cannot be collected: something is missing, or is not a finite number."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Which examples a criterion looks at, and how; never augmented."""

    count: int  # drawn at random, without replacement, from the training data
    batch: int  # examples whose mean loss is one loss; 1 for a gradient of each example
    # Batch norm by its moving statistics, or by the batch's; dropout off, or on.
    mode: Literal["inference", "training"] = "inference"

    def __str__(self) -> str:
        """Say it in a line."""
        batches = "one by one" if self.batch == 1 else f"in batches of {self.batch:,}"
        batches = "in one batch" if self.batch == self.count else batches
        return f"{self.count:,} examples {batches}, {self.mode} mode"


class Collect(Protocol):
    """What a heuristic may ask about a network and examples; nothing is computed before it asks."""

    def __call__(self, quantity: Quantity, examples: Examples | None, masks: Mapping[str, Mask]) -> dict[str, Kernel]:
        """Return the quantity of every kernel, averaged over batches, by its name, under these masks; to be emptied."""

    def groups(self) -> Sequence[Group]:
        """Return the groups of channels that go together."""

    def scales(self) -> Mapping[str, Values]:
        """Return the scale of each batch norm, [channels], by its name in `Group.scales`."""

    def uses(self) -> Mapping[str, int]:
        """Return by kernel the FLOPs that one of its weights costs, as `flops` counts them."""

    def maps(self, quantity: MapQuantity, examples: Examples | None, masks: Mapping[str, Mask]) -> Mapping[int, Values]:
        """Return the quantity of each map, [channels, numbers], by its layer's id in `Group.maps`."""

    def ablated(self, examples: Examples | None, masks: Mapping[str, Mask]) -> Sequence[Values]:
        """Return for each group by how much the loss rises without each channel, [channels]; nan where it is gone."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a criterion sees of one kernel."""

    kernel: Kernel  # its weights, also those that the mask does not keep, whose scores count nothing
    mask: Mask  # what is still kept
    generator: np.random.Generator  # of this pruning, the same one for all kernels, in the order of the network
    quantity: Kernel | None = None  # [*kernel] what the criterion asked for

    @property
    def collected(self) -> Kernel:
        """The quantity that the criterion asked for; ValueError if it named none."""
        if self.quantity is None:
            raise ValueError("nothing was collected. Expected a criterion with a quantity.")
        return self.quantity


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One way to score weights; the lowest go first."""

    score: Callable[[Seen], Scores]  # -> [*kernel] in an array of its own
    meaning: str
    source: str
    quantity: Quantity | None = None  # None: the kernel alone is enough
