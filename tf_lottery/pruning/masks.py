"""Choosing which weights stay, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Kernel = npt.NDArray[Any]  # weights, float
Mask = npt.NDArray[np.uint8]  # [*kernel], 1 keeps
Scores = npt.NDArray[np.floating[Any]]  # [*kernel], -inf for a weight that is already pruned
Keys = npt.NDArray[np.unsignedinteger[Any]]  # unsigned integers in the order of the scores that they stand for

_BLOCK = 1 << 18  # scores at a time, so that what is made of them stays in the processor's cache
_DIGIT = 16  # bits of a key that are counted in one pass


def keep_highest(scores: Sequence[Scores], keep: int) -> list[Mask]:
    """Keep exactly the `keep` highest scores of all kernels together; of equals, the first by position.

    Time is linear in the number of scores, memory a mask's and little more: the lowest score that is kept is found
    digit by digit, by counting, as in a radix sort, and nothing is sorted or copied.

    Args:
        scores: One array [*kernel] per prunable kernel, float16, 32 or 64; -inf marks a weight that is already pruned.
        keep: From 0 to the number of weights not yet pruned.

    Raises:
        ValueError: A score is NaN, or `keep` is out of range.
    """
    flat = [array.ravel() for array in scores]
    alive = 0
    for block in _blocks(flat):
        if np.isnan(block).any():
            raise ValueError("scores hold NaN: the network diverged. Prune from an earlier checkpoint.")
        alive += int(np.count_nonzero(block > -np.inf))
    if not 0 <= keep <= alive:
        raise ValueError(
            f"cannot keep {keep} weights: expected 0 to {alive}, the number not yet pruned. A pruned weight never "
            "comes back; prune to a lower density, or an earlier network."
        )
    masks = [np.zeros(array.shape, np.uint8) for array in scores]
    if keep == 0:
        return masks
    border, ties_kept = _border(flat, keep)
    for array, mask in zip(flat, masks, strict=True):
        kept = mask.reshape(-1)
        np.greater(array, border, out=kept.view(bool))
        if ties_kept:
            ties = np.flatnonzero(array == border)[:ties_kept]
            kept[ties] = 1
            ties_kept -= ties.size
    return masks


def _border(flat: Sequence[Scores], keep: int) -> tuple[np.floating[Any], int]:
    """Return the lowest score that is kept, and how many of those equal to it are."""
    dtype = np.result_type(*flat)
    bits = 8 * dtype.itemsize
    prefix = 0  # the border's key, as far as it is known
    left = keep  # how many are kept of those whose key begins with it
    for shift in range(bits - _DIGIT, -1, -_DIGIT):
        counts = np.zeros(1 << _DIGIT, np.int64)
        for block in _blocks(flat):
            keys = _keys(block.astype(dtype, copy=False))
            if shift + _DIGIT < bits:
                keys = keys[keys >> (shift + _DIGIT) == prefix]
            digits = (keys >> shift).astype(np.intp) & (counts.size - 1)
            counts += np.bincount(digits, minlength=counts.size)
        at_least = np.cumsum(counts[::-1])[::-1]
        digit = int(np.searchsorted(-at_least, -left, side="right")) - 1
        left -= int(at_least[digit] - counts[digit])
        prefix = prefix << _DIGIT | digit
    return _score(prefix, dtype), left


def _keys(block: Scores) -> Keys:
    """Return unsigned integers in the order of the scores: IEEE 754 numbers are, but for the sign."""
    plain = block + block.dtype.type(0)  # -0.0 and 0.0 are one score
    bits = plain.view(f"u{plain.dtype.itemsize}")
    top = bits.dtype.type(1 << (8 * bits.dtype.itemsize - 1))
    return np.where(bits & top, ~bits, bits | top)


def _score(key: int, dtype: np.dtype[Any]) -> np.floating[Any]:
    """Return the score of a key."""
    bits = 8 * dtype.itemsize
    top = 1 << (bits - 1)
    pattern = key ^ top if key & top else key ^ ((1 << bits) - 1)
    score: np.floating[Any] = np.array([pattern], f"u{dtype.itemsize}").view(dtype)[0]
    return score


def _blocks(flat: Sequence[Scores]) -> Iterator[Scores]:
    for array in flat:
        for begin in range(0, array.size, _BLOCK):
            yield array[begin : begin + _BLOCK]
