"""How much a pruning removed: of the weights that were left, and of the norm of the network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_lottery.pruning.masks import Mask


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What one pruning removed."""

    share: float  # p: of the weights that were left before it
    norm: float  # D: ||w - w_pruned|| / ||w||


def removed(
    *, kernels: Mapping[str, Any], others: Iterable[Any], before: Mapping[str, Mask], after: Mapping[str, Mask]
) -> Removed:
    """Return the share of weights and the relative norm that a pruning removed.

    The norm is over all that is trained, biases and batch norm's scales and shifts too: Zimmer et al. 2023, as their
    code measures it (ZIB-IOL/BIMP, runners/baseRunner.py).

    Args:
        kernels: As trained, [*kernel] by name.
        others: All other trained variables.
        before: Masks that held until then, by the kernels' names.
        after: Those that hold from now on.
    """
    left = sum(int(np.count_nonzero(mask)) for mask in before.values())
    gone = left - sum(int(np.count_nonzero(mask)) for mask in after.values())
    lost = sum(_squares(kernel[after[name] == 0]) for name, kernel in kernels.items())
    whole = sum(map(_squares, kernels.values())) + sum(map(_squares, others))
    return Removed(share=gone / left if left else 0.0, norm=math.sqrt(lost / whole) if whole else 0.0)


def _squares(values: Any) -> float:
    """Return the sum of squares, in float64 whatever the precision of the values."""
    return float(np.square(values, dtype=np.float64).sum())
