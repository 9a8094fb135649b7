"""A Keras schedule whose values are put in from outside, so that stages differ in values and not in graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.schedules import Rates


class OriginalRates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step of a stage."""

    def __init__(self, capacity: int) -> None:
        """Make room for the rates of at most `capacity` steps."""
        self._rates = tf.Variable(tf.zeros([capacity], tf.float32), trainable=False, name="rates")
        # The optimizer's own count is not moved by learning rate rewinding, since Adam corrects its bias by it.
        self._first = tf.Variable(0, dtype=tf.int64, trainable=False, name="first_iteration")

    def put(self, rates: Rates, *, first_iteration: int) -> None:
        """Give the optimizer's iteration `first_iteration` the first of these rates [steps], and so on."""
        padded = np.zeros(self._rates.shape, np.float32)
        padded[: len(rates)] = rates
        self._rates.assign(padded)
        self._first.assign(first_iteration)

    def __call__(self, step: Any) -> Any:
        """Return the rate of this iteration of the optimizer."""
        return tf.gather(self._rates, tf.cast(step, tf.int64) - self._first)

    def get_config(self) -> dict[str, Any]:
        """Return the rates as plain values."""
        return {"rates": self._rates.numpy().tolist(), "first_iteration": int(self._first)}
