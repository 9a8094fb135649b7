"""`WeightRewinding`: a callback that puts the whole training state of an earlier epoch back, under the masks."""

from __future__ import annotations

from typing import Any

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras
from tf_lottery.rewinding.points import RewindPoints, last_epoch
from tf_lottery.rewinding.rates import shift_schedule
from tf_lottery.rewinding.resumption import Resumption
from tf_lottery.rewinding.state import check_trainable, restore


def rewind_weights(model: Any, points: RewindPoints, *, epoch: int) -> None:
    """Rewind as `WeightRewinding` does, now: for a training loop of one's own, which goes on with `epoch`.

    Args:
        model: Compiled with the optimizer that trains it.
        points: Kept that epoch.
        epoch: Where the training goes on from.

    Raises:
        TypeError, ValueError: A wrong argument, or a point that was not kept or is of another model or optimizer; the
            model is as it was.
        RuntimeError: What was read back is not what was restored.
    """
    check_points(points)
    point = points.point(arguments.integer("epoch", epoch, least=0), model)
    points.finish(model)
    restore(model, point.arrays, keep_masks=True)
    shift_schedule(model.optimizer, to_step=point.schedule_step)


class WeightRewinding(keras.callbacks.Callback):
    """At the start of `fit`, rewinds weights, batch norm statistics, optimizer slots and step to a kept epoch.

    The masks stay as they are. The learning rate rewinds with the step, or, if callbacks set it by the epoch, with
    `initial_epoch`, which must be the same epoch. With epoch 0 this is the original lottery ticket experiment.

    A `fit` that `BackupAndRestore` puts back into its middle goes on, and is not rewound again. It must be a backup of
    this `fit`: give each `fit` a folder of its own.

    Example:
        model.fit(x, y, initial_epoch=10, epochs=20, callbacks=[WeightRewinding(points, epoch=10)])
    """

    _resumption: Resumption

    def __init__(self, points: RewindPoints, *, epoch: int) -> None:
        """Rewind to `epoch`, one of those that `points` kept.

        Raises:
            TypeError: No RewindPoints, or no whole number.
            ValueError: An epoch below 0.
        """
        super().__init__()
        self._points, self._epoch = check_points(points), arguments.integer("epoch", epoch, least=0)
        self._begins = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        check_trainable(model)
        self._resumption = Resumption(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        self._points.finish(self.model)
        self._begins = not self._resumption.is_seen()
        if self._begins:
            check_epochs_left(self, self._epoch)
            rewind_weights(self.model, self._points, epoch=self._epoch)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        # By now a backup is restored, over what was rewound, wherever BackupAndRestore stands in the list.
        if self._begins and not self._resumption.is_seen():
            check_first_epoch(epoch, self._epoch)
        self._begins = False


def check_points(points: Any) -> RewindPoints:
    """Return the points, or raise TypeError if it is something else."""
    if not isinstance(points, RewindPoints):
        raise TypeError(
            f"points is {points!r} ({type(points).__name__}); expected a tl.RewindPoints, such as the one that was "
            "among the callbacks of the training, or tl.RewindPoints(folder)."
        )
    return points


def check_epochs_left(callback: Any, epoch: int) -> None:
    """Raise ValueError if `fit` ends where the training is rewound to, or before."""
    last = last_epoch(callback)
    if last is not None and last <= epoch:
        raise ValueError(
            f"fit ends at epoch {last}, but the training is rewound to epoch {epoch}, so that nothing is trained. Pass "
            f"initial_epoch={epoch} and the epoch at which the training ended as epochs."
        )


def check_first_epoch(found: int, expected: int) -> None:
    """Raise ValueError if `fit` did not begin at the epoch that is rewound to."""
    if found != expected:
        raise ValueError(
            f"fit begins at epoch {found}, but the training is rewound to epoch {expected}. Pass "
            f"initial_epoch={expected} to fit, so that it trains the epochs that are left."
        )
