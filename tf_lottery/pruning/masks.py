"""Choosing which weights stay, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Kernel = npt.NDArray[Any]  # weights, float
Mask = npt.NDArray[np.uint8]  # [*kernel], 1 keeps
Scores = npt.NDArray[np.floating[Any]]  # [*kernel], -inf for a weight that is already pruned


def keep_highest(scores: Sequence[Scores], keep: int) -> list[Mask]:
    """Keep exactly the `keep` highest scores of all kernels together; of equals, the first by position.

    Args:
        scores: One array [*kernel] per prunable kernel; -inf marks a weight that is already pruned.
        keep: From 0 to the number of weights not yet pruned.

    Raises:
        ValueError: A score is NaN, or `keep` is out of range.
    """
    flat = np.concatenate([array.ravel() for array in scores])
    if np.isnan(flat).any():
        raise ValueError("scores hold NaN: the network diverged. Prune from an earlier checkpoint.")
    alive = int(np.count_nonzero(flat > -np.inf))
    if not 0 <= keep <= alive:
        raise ValueError(
            f"cannot keep {keep} weights: expected 0 to {alive}, the number not yet pruned. A pruned weight never "
            "comes back; prune to a lower density, or an earlier network."
        )
    mask = np.zeros(flat.size, np.uint8)
    if keep:
        # A partition finds the border in linear time; only the ties at it need an order.
        border = np.partition(flat, flat.size - keep)[flat.size - keep]
        mask[flat > border] = 1
        ties = np.flatnonzero(flat == border)
        mask[ties[: keep - int(np.count_nonzero(mask))]] = 1
    ends = np.cumsum([array.size for array in scores])
    parts = np.split(mask, ends[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, scores, strict=True)]
