"""`LearningRateRewinding`: a callback that puts only the learning rate back to an earlier epoch."""

from __future__ import annotations

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.slots import slots_of, unscaled
from tf_lottery.rewinding.points import RewindPoints
from tf_lottery.rewinding.rates import rate_before, rate_now, schedule_of, shift_schedule
from tf_lottery.rewinding.weight_rewinding import check_first_epoch


class LearningRateRewinding(keras.callbacks.Callback):
    """At the start of `fit`, rewinds the learning rate to a kept epoch; weights and optimizer slots stay.

    A schedule in the optimizer is read from the step of that epoch on, step for step; the optimizer's own count does
    not move, since Adam corrects its bias by it. A rate that is a plain number is put back to what it was, and
    callbacks that set it by the epoch find the right one by `initial_epoch`, which must be the same epoch.

    Example:
        model.fit(x, y, initial_epoch=10, epochs=20, callbacks=[LearningRateRewinding(points, epoch=10)])
    """

    def __init__(self, points: RewindPoints, *, epoch: int, rescale_velocity: bool = True) -> None:
        """Rewind to `epoch`.

        Args:
            points: Kept that epoch.
            epoch: Where the learning rate goes on from.
            rescale_velocity: Multiply the velocity of Keras' SGD, which contains the rate, by new rate / old rate at
                the jump, so that momentum is as in TensorFlow 1 and PyTorch (and the authors' code).
        """
        super().__init__()
        self._points, self._epoch, self._rescale_velocity = points, epoch, rescale_velocity
        self._rate_before: float | None = None
        self._begins = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        optimizer = self.model.optimizer
        state = self._points.read(self._epoch, self.model)
        self._rate_before = rate_before(optimizer)
        if schedule_of(optimizer) is not None:
            shift_schedule(self.model, to_step=int(state["optimizer/iteration"]))
        elif "optimizer/learning_rate" in state:
            optimizer.learning_rate = float(state["optimizer/learning_rate"])
        self._begins = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if self._begins:
            check_first_epoch(epoch, self._epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Rescale before the first batch: by then, callbacks that set the rate have done so."""
        del batch, logs
        if not self._begins:
            return
        self._begins = False
        optimizer = self.model.optimizer
        if self._rescale_velocity and type(unscaled(optimizer)) is keras.optimizers.SGD and self._rate_before:
            factor = rate_now(optimizer) / self._rate_before
            for slots in slots_of(self.model).values():
                for velocity in slots:
                    velocity.assign(velocity * factor)
