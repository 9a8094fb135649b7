"""What a model predicts at inference, in a form that can be compared."""

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


def says_something(outputs: Predictions) -> bool:
    """Return whether a comparison of these could find a difference: no output is empty, or has no finite value."""
    return all(
        values.size > 0 and (values.dtype.kind not in "fc" or bool(np.isfinite(values).any())) for values in outputs
    )


def reason_of(error: BaseException) -> str:
    """Return the first line that says something of an error of Keras or TensorFlow, for a sentence of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return (said or lines or [type(error).__name__])[0][:300].rstrip(".")


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
