"""How much two networks' masks have in common, and how much they would by chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tf_lottery.pruning.masks import Mask


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Two masks of one kernel, or of all kernels together."""

    kernel: str  # "all" for all together
    total: int  # positions
    one: int  # kept by the one
    other: int
    both: int
    expected: float  # kept by both, if each keeps as many of each kernel, drawn at random

    @property
    def jaccard(self) -> float:
        """Kept by both / kept by either; 1 for equal masks, and where neither keeps any."""
        return self.both / either if (either := self.one + self.other - self.both) else 1.0

    @property
    def chance(self) -> float:
        """The same of random masks: the expected count of both over that of either.

        Of a ratio that is not quite the mean, but it differs from it by less than one part in the number of weights.
        """
        return self.expected / either if (either := self.one + self.other - self.expected) else 1.0


def overlap(one: Mapping[str, Mask], other: Mapping[str, Mask]) -> list[Overlap]:
    """Return the overlap of all kernels together, then of each.

    By chance, of n positions of a kernel of which one mask keeps a and the other b, a b / n are kept by both.

    Args:
        one: Masks [*kernel] by name, 1 keeps: `tl.masks(model)`, or of a stage's checkpoint.
        other: Of a network with the same kernels.

    Raises:
        ValueError: The kernels are others.
    """
    shapes = [{name: np.shape(mask) for name, mask in masks.items()} for masks in (one, other)]
    if shapes[0] != shapes[1]:
        differing = sorted(name for name in shapes[0].keys() | shapes[1].keys() if _differ(shapes, name))
        raise ValueError(
            f"the masks are of different networks: {', '.join(differing[:3])} is in one of them only, or has another "
            "shape. Expected masks of one network."
        )
    each = [_of_kernel(name, np.asarray(one[name]) != 0, np.asarray(other[name]) != 0) for name in one]
    together = Overlap(
        kernel="all",
        total=sum(row.total for row in each),
        one=sum(row.one for row in each),
        other=sum(row.other for row in each),
        both=sum(row.both for row in each),
        expected=sum(row.expected for row in each),
    )
    return [together, *each]


def _differ(shapes: list[dict[str, tuple[int, ...]]], name: str) -> bool:
    return shapes[0].get(name) != shapes[1].get(name)


def _of_kernel(name: str, one: np.ndarray, other: np.ndarray) -> Overlap:
    kept, kept_other, total = int(one.sum()), int(other.sum()), one.size
    return Overlap(
        kernel=name,
        total=total,
        one=kept,
        other=kept_other,
        both=int((one & other).sum()),
        expected=kept * kept_other / total if total else 0.0,
    )
