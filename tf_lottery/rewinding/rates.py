"""The learning rate of an optimizer, whichever way it is given."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.slots import unscaled


@keras.utils.register_keras_serializable(package="tf_lottery")
class OffsetSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, read some steps ahead of the optimizer's own count (or behind it)."""

    def __init__(self, schedule: Any, offset: int = 0) -> None:
        """Read `schedule(step + offset)`."""
        self.schedule = schedule
        self.offset = tf.Variable(offset, dtype=tf.int64, trainable=False, name="offset")

    def __call__(self, step: Any) -> Any:
        """Return the rate of this iteration of the optimizer."""
        return self.schedule(tf.cast(step, tf.int64) + self.offset)

    def get_config(self) -> dict[str, Any]:
        """Return the schedule and the present offset."""
        inner = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": inner, "offset": int(self.offset)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OffsetSchedule:
        """Return the schedule of this config."""
        inner = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(inner, config["offset"])


def schedule_of(optimizer: Any) -> Any:
    """Return the optimizer's schedule, None if its rate is a plain number."""
    rate = unscaled(optimizer)._learning_rate
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def shift_schedule(model: Any, *, to_step: int) -> None:
    """Have the optimizer's next step take the rate of step `to_step` of its own schedule; its count stays."""
    optimizer = model.optimizer
    schedule = schedule_of(optimizer)
    if not isinstance(schedule, OffsetSchedule):
        if to_step == int(optimizer.iterations):
            return
        schedule = OffsetSchedule(schedule)
        optimizer.learning_rate = schedule
        # The old schedule is part of what `fit` has traced.
        model.make_train_function(force=True)
    schedule.offset.assign(to_step - int(optimizer.iterations))


def rate_now(optimizer: Any) -> float:
    """Return the rate that the optimizer's next step takes."""
    schedule = schedule_of(optimizer)
    # With a schedule, `optimizer.learning_rate` is that of the last step taken.
    return float(schedule(optimizer.iterations) if schedule is not None else optimizer.learning_rate)


def rate_before(optimizer: Any) -> float:
    """Return the rate that the optimizer's last step took."""
    schedule = schedule_of(optimizer)
    if schedule is None:
        return float(optimizer.learning_rate)
    return float(schedule(tf.maximum(optimizer.iterations - 1, 0)))
