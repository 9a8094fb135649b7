"""Proof on one batch that a model with fewer channels has the same outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_lottery.pruning.agreement import DiffersError, compared, difference, largest, tolerance_of
from tf_lottery.pruning.cloning import Sizes, clone
from tf_lottery.pruning.copies import copy_layer, is_kerass_own
from tf_lottery.pruning.predictions import Predictions, predictions, reason_of


class ShrinkError(Exception):
    """The smaller model has other outputs: a fault of this package, or a model that does what nobody can see in it."""


def checked(model: Any, small: Any, batch: Any, expected: Predictions) -> float:
    """Return the largest difference of the outputs, as a part of an output's largest value.

    Sums are taken in another order where there are fewer channels: what differs is computed once more in float64.

    Args:
        model: As it was.
        small: The same with fewer channels.
        batch: What both are called on.
        expected: What the model says of it.

    Raises:
        ShrinkError: They differ by more than rounding.
    """
    try:
        _compare(model, small, batch, expected, tolerance_of(model))
    except DiffersError as reason:
        try:
            precise = in_float64(model)
            _compare(precise, in_float64(small), batch, predictions(precise, batch), tolerance_of(precise))
        except Exception as error:  # noqa: BLE001 - a layer may raise anything in another precision; it is told
            raise ShrinkError(
                f"{model.name}: without the channels that nothing reads it {reason}; in float64: {reason_of(error)}. "
                "Expected the same outputs. Does a layer use weights of another one, or the size of its input? Wrap "
                "it into a layer class of its own, which stays whole."
            ) from reason
    got = predictions(small, batch)
    return max((_share(one, _numbers(one, other)) for one, other in zip(expected, got, strict=True)), default=0.0)


def in_float64(model: Any) -> Any:
    """Return a plain copy whose layers, as far as they are Keras', compute in float64."""
    return clone(model, lambda layer, plain: plain, Sizes(copy=_precise))


def _precise(layer: Any, made: Mapping[int, Any]) -> Any:
    if not is_kerass_own(layer) or not layer.weights:
        return copy_layer(layer, made)
    return type(layer).from_config(_in_float64(layer.get_config()))


def _in_float64(config: Any) -> Any:
    """Return a configuration with another dtype, that of layers in it too."""
    if not isinstance(config, dict):
        return config
    return {name: "float64" if name == "dtype" else _in_float64(value) for name, value in config.items()}


def _compare(model: Any, small: Any, batch: Any, expected: Predictions, tolerance: float) -> None:
    def predict(inputs: Any) -> Predictions:
        return [_numbers(one, other) for one, other in zip(expected, predictions(small, inputs), strict=True)]

    compared(model, predict, batch, expected, tolerance)


def _numbers(expected: Any, got: Any) -> Any:
    """Return what was got, but NaN where that was expected: 0 times infinity, of a channel that is gone."""
    if expected.dtype.kind not in "fc" or expected.shape != got.shape:
        return got
    return np.where(np.isnan(expected), expected, got)


def _share(expected: Any, got: Any) -> float:
    return difference(expected, got) / (largest(expected) or 1.0)
