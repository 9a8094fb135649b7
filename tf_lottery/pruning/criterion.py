"""What a criterion is: a score for each prunable weight, of what it sees of a kernel and of examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

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


# The quantity of every kernel, averaged over batches, by the kernel's name, under these masks; the caller's to empty.
Collect = Callable[[Quantity, Examples | None, Mapping[str, Mask]], dict[str, Kernel]]


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
