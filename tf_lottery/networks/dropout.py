"""Dropout whose rate is a value that is put in, and whose random numbers follow from the stage and the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tf_lottery.lazy_tf import keras, tf


class _Values:
    """What is put in; no weights of the model, since all of it follows from the stage, its step and its masks."""

    def __init__(self, rate: float) -> None:
        self.rate = tf.Variable(rate, trainable=False, dtype=tf.float32, name="dropout_rate")
        self.seed = tf.Variable([0, 0], trainable=False, dtype=tf.int32, name="dropout_seed")


@keras.utils.register_keras_serializable(package="tf_lottery")
class AdjustableDropout(keras.layers.Layer):
    """Sets a share of its inputs to 0 in training and scales the others up; leaves them as they are elsewhere."""

    def __init__(self, rate: float, *, after: str, **settings: Any) -> None:
        """Make the layer.

        Args:
            rate: Of what is dropped before anything is pruned, D_o; in [0, 1).
            after: The name of the layer whose outputs it drops.
            **settings: As of every Keras layer.
        """
        super().__init__(**settings)
        self.rate, self.after = rate, after
        self._values = _Values(rate)

    def begin(self, *, seed: int, step: int, rate: float) -> None:
        """Say what the next step in training is: which of which stage, and at which rate."""
        self._values.seed.assign([seed, step])
        self._values.rate.assign(rate)

    def count_step(self) -> None:
        """Go on to the next step's random numbers: called in the compiled loop."""
        self._values.seed.assign_add([0, 1])

    def call(self, inputs: Any, training: Any = None) -> Any:
        if not training:
            return inputs
        # Layers of one network draw from streams of their own, by a number that their names fix.
        seed = self._values.seed + tf.constant([sum(map(ord, self.name)), 0])
        stays = tf.random.stateless_uniform(tf.shape(inputs), seed) >= self._values.rate
        scaled = inputs / tf.cast(1 - self._values.rate, inputs.dtype)
        return tf.where(stays, scaled, tf.zeros_like(scaled))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "after": self.after}


def dropout_layers(model: Any) -> list[AdjustableDropout]:
    """Return the layers of this kind in a model."""
    return [layer for layer in model.layers if isinstance(layer, AdjustableDropout)]


def adjusted_rate(rate: float, *, kept: int, total: int) -> float:
    """Return D_r = D_o sqrt(C_ir / C_io), for the outputs of a layer that keeps so many connections of all it had.

    Han et al. 2015, section 3.2: a pruned layer can fit less, so that less of it is to be dropped.
    """
    return rate * math.sqrt(kept / total)


def rates_by_layer(model: Any, masks: Mapping[str, Any]) -> dict[str, float]:
    """Return the adjusted rate of each dropout layer, by its name, under these masks by kernel."""
    rates = {}
    for layer in dropout_layers(model):
        mask = masks[f"{layer.after}/kernel"]
        rates[layer.name] = adjusted_rate(layer.rate, kept=int(mask.sum()), total=mask.size)
    return rates
