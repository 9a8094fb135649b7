"""Whether two models predict the same, each output measured by its own size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.predictions import Predictions, predictions, reason_of

# Of the largest value of an output: sums may be taken in another order in another graph.
_TOLERANCE = 1e-5
# Where a layer computes in half precision, 4 of its last digits (float16 keeps 10 bits, bfloat16 7).
_HALF = {"float16": 4 * 2.0**-10, "bfloat16": 4 * 2.0**-7}
# What a model may differ from itself, as on a GPU that adds in any order: 4 times that much is allowed. Beyond, it is
# random on purpose.
_NOISE = 1e-2


class DiffersError(Exception):
    """In words: how the other model differs."""


def tolerance_of(model: Any) -> float:
    """Return how far apart equal models may be, as a part of an output's largest value."""
    used = [layer.compute_dtype for layer in model.submodules if isinstance(layer, keras.layers.Layer)]
    return max([_TOLERANCE, *(_HALF.get(dtype, 0.0) for dtype in used)])


def compared(
    model: Any, predict: Callable[[Any], Predictions], batch: Any, expected: Predictions, tolerance: float
) -> float:
    """Return the largest difference of what `predict` says from what the model said of a batch.

    Raises:
        DiffersError: It is too large, or there is nothing to compare.
    """
    try:
        got = predict(batch)
        noise = [0.0] * len(expected)
        if not _same(expected, got, tolerance):
            noise = list(map(difference, expected, predictions(model, batch)))
        is_random = any(gap > _NOISE * largest(output) for gap, output in zip(noise, expected, strict=True))
        if is_random:
            tf.random.set_seed(0)
            expected, noise = predictions(model, batch), [0.0] * len(expected)
            tf.random.set_seed(0)
            got = predict(batch)
    except Exception as error:
        raise DiffersError(f"cannot predict ({reason_of(error)})") from error
    if len(expected) != len(got):
        raise DiffersError(f"has {len(got)} outputs, not {len(expected)}")
    differences = list(map(difference, expected, got))
    for i, output in enumerate(expected):
        allowed = tolerance * largest(output) + 4 * noise[i]
        if not differences[i] <= allowed:
            name = model.output_names[i] if len(expected) == len(model.output_names) else i
            random = ", and the model is random at inference" if is_random else ""
            numbers = f"by up to {differences[i]:g}, more than {allowed:g}"
            raise DiffersError(f"predicts {name!r} otherwise, {numbers}{random}")
    return max(differences, default=0.0)


def _same(expected: Predictions, got: Predictions, tolerance: float) -> bool:
    return len(expected) == len(got) and all(
        difference(one, other) <= tolerance * largest(one) for one, other in zip(expected, got, strict=True)
    )


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
    return float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max())


def largest(values: npt.NDArray[Any]) -> float:
    """Return the largest magnitude of the finite values; 0 of none, and of what is no float."""
    if values.dtype.kind not in "fc":
        return 0.0
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
