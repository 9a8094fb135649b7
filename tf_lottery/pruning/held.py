"""Holding a weight to its mask, whatever optimizer updates it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tf_lottery.lazy_tf import tf


class HeldMask:
    """A constraint that sets to exactly 0 what a mask does not keep, before and after the one that the weight has."""

    def __init__(self, mask: Any, inner: Any = None) -> None:
        self.mask, self.inner = mask, inner

    def __call__(self, weights: Any) -> Any:
        """Return the weights, masked; the other constraint finds zeros, so that a norm is that of the kept weights."""
        weights = masked(weights, self.mask)
        return weights if self.inner is None else masked(self.inner(weights), self.mask)


def masked(values: Any, mask: Any) -> Any:
    """Return the values with exactly 0 where the mask does not keep them."""
    # Not a product: that makes -0.0 of negative weights and keeps NaN.
    return tf.where(mask != 0, values, tf.zeros_like(values))


def hold(weight: Any, mask: Any) -> None:
    """Have Keras apply the mask after each update of the weight, in the same compiled step.

    Set on the variable, not given to the layer that makes it: so any layer's weight can be held, built or not.

    Args:
        weight: A variable; under tf.distribute one for each replica.
        mask: A variable in its shape, 1 keeps.
    """
    for part in _parts(weight):
        part._constraint = HeldMask(mask, part.constraint)
        part.assign = _Assign(part.assign, mask)


def release(weight: Any) -> None:
    """Give back a weight's own constraint: a copy of a variable has the constraint of the original, and its mask."""
    for part in _parts(weight):
        while isinstance(part._constraint, HeldMask):
            part._constraint = part._constraint.inner


class _Assign:
    """`assign` of one variable, which holds the mask when another variable is written to it.

    That is how optimizers with use_ema put their moving averages in the place of the weights at the end of `fit`, past
    the constraint, and averages are taken before it. Values that are not variables (by `set_weights`, on loading, on
    rewinding) are written as they are: masks may be written after them.
    """

    def __init__(self, plain: Any, mask: Any) -> None:
        self._plain, self._mask = plain, mask

    def __call__(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Write the value."""
        if isinstance(value, tf.Variable):
            value = masked(value, self._mask)
        return self._plain(value, *args, **kwargs)


def _parts(weight: Any) -> Iterator[Any]:
    """Yield the plain variables behind one: itself, or one for each replica; without the layer of mixed precision."""
    variable = getattr(weight, "_variable", weight)
    yield from getattr(variable, "values", (variable,))
