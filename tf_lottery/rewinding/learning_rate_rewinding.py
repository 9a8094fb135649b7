"""`LearningRateRewinding`: a callback that puts only the learning rate back to an earlier epoch."""

from __future__ import annotations

from typing import Any

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.slots import unscaled
from tf_lottery.rewinding.points import RewindPoints
from tf_lottery.rewinding.rates import (
    OffsetSchedule,
    install_offset,
    rate_before,
    rate_now,
    schedule_of,
    shift_schedule,
)
from tf_lottery.rewinding.resumption import Resumption
from tf_lottery.rewinding.state import PointMismatchError, check_trainable
from tf_lottery.rewinding.weight_rewinding import check_epochs_left, check_first_epoch, check_points


def rewind_learning_rate(model: Any, points: RewindPoints, *, epoch: int, rescale_velocity: bool = True) -> None:
    """Rewind as `LearningRateRewinding` does, now: for a training loop of one's own, which goes on with `epoch`.

    Example:
        model.compile(keras.optimizers.SGD(tl.OffsetSchedule(schedule), momentum=0.9))
        points = tl.RewindPoints("points", epochs=[10])
        train(model, points, range(20))  # calls points.keep(model, epoch) before each epoch
        tl.prune(model, 0.2)
        tl.rewind_learning_rate(model, points, epoch=10)
        train(model, points, range(10, 20))

    Args:
        model: Compiled with the optimizer that trains it. If its learning rate is a schedule, it is an
            `OffsetSchedule` around it: a training step that was traced keeps the schedule that it was traced with.
        points: Kept that epoch.
        epoch: Where the learning rate goes on from.
        rescale_velocity: As of `LearningRateRewinding`.

    Raises:
        TypeError, ValueError: A wrong argument, a point that was not kept or is of another optimizer, or a schedule
            that cannot be moved; the model is as it was.
    """
    check_trainable(model)
    before = rate_before(model.optimizer)
    _rewind_rate(model, check_points(points), arguments.integer("epoch", epoch, least=0))
    points.finish(model)
    if rescale_velocity:
        _rescale_velocity(model, before=before)


class LearningRateRewinding(keras.callbacks.Callback):
    """At the start of `fit`, rewinds the learning rate to a kept epoch; weights and optimizer slots stay.

    A schedule in the optimizer is read from the step of that epoch on, step for step; the optimizer's own count does
    not move, since Adam corrects its bias by it. A rate that is a plain number is put back to what it was, and
    callbacks that set it by the epoch find the right one by `initial_epoch`, which must be the same epoch; those that
    set it by the losses, such as `ReduceLROnPlateau`, begin anew with each `fit`.

    A `fit` that `BackupAndRestore` puts back into its middle goes on, and is not rewound again. It must be a backup of
    this `fit`: give each `fit` a folder of its own.

    Example:
        model.fit(x, y, initial_epoch=10, epochs=20, callbacks=[LearningRateRewinding(points, epoch=10)])
    """

    _resumption: Resumption

    def __init__(self, points: RewindPoints, *, epoch: int, rescale_velocity: bool = True) -> None:
        """Rewind to `epoch`.

        Args:
            points: Kept that epoch.
            epoch: Where the learning rate goes on from.
            rescale_velocity: Multiply the velocity of Keras' SGD, which contains the rate, by new rate / old rate at
                the jump, so that momentum is as in TensorFlow 1 and PyTorch (and the authors' code).

        Raises:
            TypeError: No RewindPoints, or no whole number.
            ValueError: An epoch below 0.
        """
        super().__init__()
        self._points, self._epoch = check_points(points), arguments.integer("epoch", epoch, least=0)
        self._rescale_velocity = rescale_velocity
        self._rate_before = 0.0
        self._iterations_before = 0
        self._begins = self._is_first_batch = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        check_trainable(model)
        self._resumption = Resumption(model)
        # Before a backup is restored, so that the offset is in it.
        install_offset(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        self._points.finish(self.model)
        self._begins = self._is_first_batch = not self._resumption.is_seen()
        if self._begins:
            check_epochs_left(self, self._epoch)
            self._rate_before = rate_before(self.model.optimizer)
            self._iterations_before = int(self.model.optimizer.iterations.numpy())
            _rewind_rate(self.model, self._points, self._epoch)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if self._begins:
            # By now a backup is restored, over what was rewound, wherever BackupAndRestore stands in the list.
            self._is_first_batch = not self._resumption.is_seen()
            if self._is_first_batch:
                check_first_epoch(epoch, self._epoch)
        self._begins = False

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Rescale before the first batch: by then, callbacks that set the rate have done so."""
        del batch, logs
        if self._is_first_batch and self._rescale_velocity:
            _rescale_velocity(self.model, before=self._rate_before)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del batch, logs
        if not self._is_first_batch:
            return
        self._is_first_batch = False
        optimizer = self.model.optimizer
        schedule = schedule_of(optimizer)
        has_stepped = int(optimizer.iterations.numpy()) > self._iterations_before
        if has_stepped and isinstance(schedule, OffsetSchedule) and not schedule.called:
            raise ValueError(
                "the training step was traced before its learning rate was rewound, and goes on reading the schedule "
                "as it was; expected tl.OffsetSchedule(schedule) as the optimizer's learning_rate from the start. Make "
                "the optimizer so, or train with model.fit."
            )


def _rewind_rate(model: Any, points: RewindPoints, epoch: int) -> None:
    point = points.point(epoch, model)
    optimizer = model.optimizer
    has_schedule, had_schedule = schedule_of(optimizer) is not None, "optimizer/learning_rate" not in point.arrays
    if has_schedule != had_schedule:
        kinds = {True: "a schedule", False: "a plain number"}
        raise PointMismatchError(
            f"the rewind point of epoch {epoch} was kept with {kinds[had_schedule]} as learning rate; the model has "
            f"{kinds[has_schedule]}. Compile with the same kind."
        )
    if has_schedule:
        shift_schedule(optimizer, to_step=point.schedule_step)
    else:
        optimizer.learning_rate = point.arrays["optimizer/learning_rate"].astype(float)


def _rescale_velocity(model: Any, *, before: float) -> None:
    optimizer = unscaled(model.optimizer)
    if type(optimizer) is not keras.optimizers.SGD or not before:
        return
    factor = rate_now(optimizer) / before
    for velocity in getattr(optimizer, "momentums", ()):  # there are none before the first step
        velocity.assign(velocity * factor)
