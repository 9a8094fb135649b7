"""FLOPs as a pair, of the network as it is and with zero weights costing nothing; and what they are counted from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf_lottery.pruning.calls import Call, Shape


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Of one forward pass of one example."""

    dense: int
    effective: int  # zero weights cost nothing
    # By the id of each kernel, what one of its weights costs, all its uses together; what is left is no weight's.
    uses: Mapping[int, int] = field(default_factory=dict, repr=False, compare=False)

    def __add__(self, other: Flops) -> Flops:
        return Flops(
            dense=self.dense + other.dense,
            effective=self.effective + other.effective,
            uses=Counter(self.uses) + Counter(other.uses),
        )


def product(kernel: Any, uses: int) -> Flops:
    """Count each weight of a kernel as often as it is used."""
    values = np.asarray(kernel)
    return Flops(dense=uses * values.size, effective=uses * int(np.count_nonzero(values)), uses={id(kernel): uses})


def always(number: int) -> Flops:
    """Count what does not depend on weights."""
    return Flops(dense=number, effective=number)


def times(number: int, flops: Flops) -> Flops:
    """Count the same again and again."""
    uses = {kernel: number * each for kernel, each in flops.uses.items()}
    return Flops(dense=number * flops.dense, effective=number * flops.effective, uses=uses)


def size(call: Call, shapes: list[Shape]) -> int:
    """Return the number of elements of all shapes."""
    known = [[size for size in shape if size is not None] for shape in shapes]
    if any(len(sizes) < len(shape) for sizes, shape in zip(known, shapes, strict=True)):
        raise ValueError(
            f"{call.layer.name} ({type(call.layer).__name__}) is called on {call.inputs} and returns {call.outputs}; "
            "expected known sizes. Give a batch of one size: flops(model, inputs=...)."
        )
    return sum(map(math.prod, known))
