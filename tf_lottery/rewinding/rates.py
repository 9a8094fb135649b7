"""The learning rate of an optimizer, whichever way it is given."""

from __future__ import annotations

import operator
from typing import Any

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.slots import unscaled


@keras.utils.register_keras_serializable(package="tf_lottery")
class OffsetSchedule(keras.optimizers.schedules.LearningRateSchedule, tf.Module):
    """Another schedule, read some steps ahead of the optimizer's own count (or behind it).

    The offset is a variable, so that it can be moved after a training step was traced; and, this being a `tf.Module`,
    it is in what `tf.train.Checkpoint` saves of a model, as `BackupAndRestore` does. `LearningRateRewinding` puts one
    around the optimizer's schedule by itself. A training step of one's own needs it from the start, for tracing makes
    the schedule a part of the step:

        optimizer = keras.optimizers.SGD(tl.OffsetSchedule(schedule), momentum=0.9)
    """

    def __init__(self, schedule: Any, offset: int = 0) -> None:
        """Read `schedule(step + offset)`.

        Args:
            schedule: A Keras schedule.
            offset: In steps of the optimizer.

        Raises:
            TypeError: Not a schedule, or no whole number.
        """
        super().__init__()
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise TypeError(
                f"schedule is {schedule!r}; expected a schedule of keras.optimizers.schedules. A rate that is a number "
                "needs no OffsetSchedule."
            )
        try:
            steps = operator.index(offset)
        except TypeError as error:
            raise TypeError(
                f"offset is {offset!r}; expected a whole number of steps, below 0 to read behind."
            ) from error
        self.schedule = schedule
        self.offset = tf.Variable(steps, dtype=tf.int64, trainable=False, name="offset")
        self.called = False  # by an optimizer, at the latest when a training step is traced with it

    def __call__(self, step: Any) -> Any:
        """Return the rate of this iteration of the optimizer."""
        self.called = True
        return self.rate(step)

    def rate(self, step: Any) -> Any:
        """Return the rate of this iteration; for others than the optimizer."""
        return self.schedule(tf.cast(step, tf.int64) + self.offset)

    def get_config(self) -> dict[str, Any]:
        """Return the schedule and the present offset."""
        inner = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": inner, "offset": int(self.offset.numpy())}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OffsetSchedule:
        """Return the schedule of this config."""
        inner = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(inner, config["offset"])


# Files of the old kind (.h5) name schedules without their package.
keras.utils.get_custom_objects()["OffsetSchedule"] = OffsetSchedule


def schedule_of(optimizer: Any) -> Any:
    """Return the optimizer's schedule, None if its rate is a plain number."""
    rate = unscaled(optimizer)._learning_rate
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def schedule_step(optimizer: Any) -> int:
    """Return the step of its schedule that the optimizer's next step takes the rate of."""
    schedule = schedule_of(optimizer)
    return int(optimizer.iterations.numpy()) + (
        int(schedule.offset.numpy()) if isinstance(schedule, OffsetSchedule) else 0
    )


def install_offset(model: Any) -> None:
    """Put an `OffsetSchedule` around the schedule of the model's optimizer, if it has one; `fit` is traced anew."""
    optimizer = unscaled(model.optimizer)
    schedule = schedule_of(optimizer)
    if schedule is None or isinstance(schedule, OffsetSchedule):
        return
    with model.distribute_strategy.scope():
        # Not by the property: the optimizer would be saved with both, and not be loaded.
        optimizer._learning_rate = OffsetSchedule(schedule)
    # Keras remembers what of an optimizer is saved from the first time on: without the offset.
    vars(optimizer).pop("_coalesced_children", None)
    if model.train_function is not None:  # the old schedule is part of it
        model.make_train_function(force=True)


def shift_schedule(optimizer: Any, *, to_step: int) -> None:
    """Have the optimizer's next step take the rate of step `to_step` of its own schedule; its count stays.

    Raises:
        ValueError: Its schedule is no `OffsetSchedule`.
    """
    schedule = schedule_of(optimizer)
    offset = to_step - int(optimizer.iterations.numpy())
    if isinstance(schedule, OffsetSchedule):
        schedule.offset.assign(offset)
    elif schedule is not None and offset:
        raise ValueError(
            f"the optimizer's schedule is a {type(schedule).__name__}, which a traced training step goes on reading "
            "as it was; expected tl.OffsetSchedule(schedule) as its learning_rate from the start. Make the optimizer "
            "so, or train with model.fit and tl.LearningRateRewinding."
        )


def rate_now(optimizer: Any) -> float:
    """Return the rate that the optimizer's next step takes."""
    return _rate_at(optimizer, optimizer.iterations)


def rate_before(optimizer: Any) -> float:
    """Return the rate that the optimizer's last step took."""
    return _rate_at(optimizer, tf.maximum(optimizer.iterations - 1, 0))


def _rate_at(optimizer: Any, step: Any) -> float:
    schedule = schedule_of(optimizer)
    if schedule is None:
        return float(optimizer.learning_rate.numpy())
    # With a schedule, `optimizer.learning_rate` is that of the last step taken.
    return float(schedule.rate(step) if isinstance(schedule, OffsetSchedule) else schedule(step))
