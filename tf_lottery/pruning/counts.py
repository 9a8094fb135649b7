"""How many weights a density keeps."""

from __future__ import annotations

import math
from fractions import Fraction


def kept_count(total: int, density: float) -> int:
    """Return how many of `total` weights a density keeps: N - ceil((1 - d) (N - 1)).

    The authors drop what lies strictly below the linear-interpolation percentile 100 - 100 d of all N positions (their
    code, prune_functions.py); without ties that is this count. It is computed in exact arithmetic on the density's
    decimal digits, of which ten count: 0.8**3 and 0.512 are one density.

    Args:
        total: N, the prunable weights of the whole network, 1 or more.
        density: d, in [0, 1].

    Raises:
        ValueError: A density out of range.
    """
    if not 0 <= density <= 1:
        raise ValueError(f"density {density}: expected a share of the prunable weights, from 0 to 1.")
    exact = Fraction(repr(round(float(density), 10)))
    # Density 0 would keep one weight by the formula, the greatest: the percentile is reached, never passed.
    return total - math.ceil((1 - exact) * (total - 1))
