"""`WeightRewinding`: a callback that puts the whole training state of an earlier epoch back, under the masks."""

from __future__ import annotations

from tf_lottery.lazy_tf import keras
from tf_lottery.rewinding.points import RewindPoints
from tf_lottery.rewinding.rates import OffsetSchedule, schedule_of
from tf_lottery.rewinding.state import restore


class WeightRewinding(keras.callbacks.Callback):
    """At the start of `fit`, rewinds weights, batch norm statistics, optimizer slots and step to a kept epoch.

    The masks stay as they are. The learning rate rewinds with the step, or, if callbacks set it by the epoch, with
    `initial_epoch`, which must be the same epoch. With epoch 0 this is the original lottery ticket experiment.

    Example:
        model.fit(x, y, initial_epoch=10, epochs=20, callbacks=[WeightRewinding(points, epoch=10)])
    """

    def __init__(self, points: RewindPoints, *, epoch: int) -> None:
        """Rewind to `epoch`, one of those that `points` kept."""
        super().__init__()
        self._points, self._epoch = points, epoch
        self._begins = False

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        restore(self.model, self._points.read(self._epoch, self.model), keep_masks=True)
        schedule = schedule_of(self.model.optimizer)
        if isinstance(schedule, OffsetSchedule):  # of an earlier learning rate rewinding
            schedule.offset.assign(0)
        self._begins = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if self._begins:
            check_first_epoch(epoch, self._epoch)
        self._begins = False


def check_first_epoch(found: int, expected: int) -> None:
    """Raise ValueError if `fit` did not begin at the epoch that is rewound to."""
    if found != expected:
        raise ValueError(
            f"fit begins at epoch {found}, but the training is rewound to epoch {expected}. Pass "
            f"initial_epoch={expected} to fit, so that it trains the epochs that are left."
        )
