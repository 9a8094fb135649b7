"""What a model predicts, in a form that can be compared, and by how much two predictions differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.lazy_tf import tf

Predictions = list[npt.NDArray[Any]]  # of each output; of a ragged or sparse one, each of its parts


def predictions(model: Any, inputs: Any) -> Predictions:
    """Return what the model predicts of a batch at inference; states of recurrent layers start at 0, and are kept."""
    with _fresh_states(model):
        return as_arrays(model(inputs, training=False))


def as_arrays(outputs: Any) -> Predictions:
    """Return outputs as flat arrays of float64, complex128, or what they are."""
    return [_array(tf.convert_to_tensor(each)) for each in tf.nest.flatten(outputs, expand_composites=True)]


def difference(expected: npt.NDArray[Any], got: npt.NDArray[Any]) -> float:
    """Return the largest difference between two arrays; infinity if they differ in shape or kind.

    NaN is equal to NaN, and infinity to infinity of the same sign: each differs infinitely from everything else. So do
    texts from one another.
    """
    if expected.shape != got.shape or expected.dtype.kind != got.dtype.kind:
        return np.inf
    same = expected == got
    if expected.dtype.kind in "fc":
        same = same | (np.isnan(expected) & np.isnan(got))
    rest_expected, rest_got = expected[~same], got[~same]
    if rest_expected.size == 0:
        return 0.0
    if expected.dtype.kind not in "fciub":
        return np.inf
    with np.errstate(invalid="ignore"):
        gap = np.abs(rest_expected.astype(complex) - rest_got.astype(complex))
    return float(np.nan_to_num(gap, nan=np.inf).max())


def largest(values: npt.NDArray[Any]) -> float:
    """Return the largest magnitude of the finite values; 0 of none, and of what is no float."""
    if values.dtype.kind not in "fc":
        return 0.0
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def says_something(outputs: Predictions) -> bool:
    """Return whether a comparison of these could find a difference: no output is empty, or has no finite value."""
    return all(
        values.size > 0 and (values.dtype.kind not in "fc" or bool(np.isfinite(values).any())) for values in outputs
    )


@contextmanager
def _fresh_states(model: Any) -> Iterator[None]:
    stateful = [layer for layer in model.submodules if getattr(layer, "stateful", False) and hasattr(layer, "states")]
    states = [state for layer in stateful for state in tf.nest.flatten(layer.states) if state is not None]
    kept = [state.numpy() for state in states]
    for state in states:
        state.assign(tf.zeros_like(state))
    try:
        yield
    finally:
        for state, values in zip(states, kept, strict=True):
            state.assign(values)


def _array(tensor: Any) -> npt.NDArray[Any]:
    if tensor.dtype.is_floating:
        tensor = tf.cast(tensor, tf.float64)  # NumPy does not know bfloat16
    elif tensor.dtype.is_complex:
        tensor = tf.cast(tensor, tf.complex128)
    return np.asarray(tensor)
