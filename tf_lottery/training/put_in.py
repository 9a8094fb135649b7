"""A Keras schedule whose values are put in from outside, so that stages differ in values and not in graphs."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras, tf


class PutIn(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate, or the momentum, of each of some coming steps."""

    def __init__(self, steps: int) -> None:
        """Make room for the values of so many steps."""
        self._values = tf.Variable(tf.zeros([steps], tf.float32), trainable=False, name="values")
        # The optimizer's own count is not moved by learning rate rewinding, since Adam corrects its bias by it.
        self._first = tf.Variable(0, dtype=tf.int64, trainable=False, name="first_iteration")

    def put(self, values: Any, *, first_iteration: Any) -> None:
        """Give the optimizer's iteration `first_iteration` the first of these values [steps], and so on."""
        self._values.assign(values)
        self._first.assign(first_iteration)

    def __call__(self, step: Any) -> Any:
        """Return the value at this iteration of the optimizer."""
        return tf.gather(self._values, tf.cast(step, tf.int64) - self._first)

    def get_config(self) -> dict[str, Any]:
        """Return the values as plain ones."""
        return {"values": self._values.numpy().tolist(), "first_iteration": int(self._first)}
