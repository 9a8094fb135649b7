"""A Keras schedule that has a value for each step, as files of models name it: imported as soon as there is a Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf


@keras.utils.register_keras_serializable(package="tf_lottery")
class ValuesByStep(keras.optimizers.schedules.LearningRateSchedule):
    """A Keras schedule that has a value for each step; the last one holds from there on."""

    def __init__(self, values: Any) -> None:
        """Give step 0 the first of these values [steps]."""
        self._values = np.asarray(values, np.float32)

    def __call__(self, step: Any) -> Any:
        """Return the value of this step."""
        place = tf.clip_by_value(tf.cast(step, tf.int64), 0, len(self._values) - 1)
        return tf.gather(tf.constant(self._values), place)

    def get_config(self) -> dict[str, Any]:
        """Return the values as plain ones."""
        return {"values": self._values.tolist()}


# Files of the old kind (.h5) name schedules without their package.
keras.utils.get_custom_objects()["ValuesByStep"] = ValuesByStep
