"""`RewindPoints`: a callback that keeps the whole training state at chosen epochs."""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import logging

from tf_lottery import arguments, checkpoint
from tf_lottery.checkpoint import Arrays, DamagedCheckpointError
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.channels.report import ShrinkReport
from tf_lottery.pruning.slots import unscaled
from tf_lottery.rewinding.rates import schedule_step
from tf_lottery.rewinding.state import PointMismatchError, capture, check_trainable, cut


class MissingPointError(ValueError):
    """A rewind point that was not kept."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The state of a training at an epoch."""

    arrays: Arrays  # as `capture` returns them
    schedule_step: int  # of the learning rate's schedule; the optimizer's own count unless the schedule was shifted


class RewindPoints(keras.callbacks.Callback):
    """Keeps weights, batch norm statistics, masks, optimizer slots and step at the chosen epochs, one file each.

    One training of one model has one `RewindPoints` and one folder. A training that goes on where it was interrupted,
    by `BackupAndRestore` or from an epoch above 0 on, adds to the points in its folder and replaces none. One that
    begins at epoch 0 is another training: points of an earlier one stay in the folder until it gets to their epoch,
    and are refused. What a model trains after it was rewound is not kept.

    Random numbers that Keras draws without saving where it is (shuffling, Dropout) are no part of the state.

    Example:
        points = RewindPoints("points", epochs=[0, 10])
        model.fit(x, y, epochs=20, callbacks=[points])

    In a training loop of one's own:
        for epoch in range(20):
            points.keep(model, epoch)
            ...
        points.keep(model, 20)
    """

    def __init__(self, folder: str | Path, epochs: Iterable[int] = ()) -> None:
        """Choose what to keep; with no epochs, what an earlier run kept in the folder can be read.

        Args:
            folder: Made if it is not there.
            epochs: Epochs done when the state is kept: 0 is before training, 10 after ten epochs.

        Raises:
            TypeError: No path, or not whole numbers.
            ValueError: An epoch below 0.
        """
        super().__init__()
        self.folder, self.epochs = arguments.path("folder", folder), _epochs(epochs)
        self._trained: weakref.ref[Any] | None = None
        self._training: str | None = None  # of the model that is trained
        self._retrained: weakref.WeakSet[Any] = weakref.WeakSet()
        self._kept_at_end: Arrays | None = None  # of the epoch that has just ended

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        self._kept_at_end = None
        last = last_epoch(self)
        if last is not None and (beyond := sorted(epoch for epoch in self.epochs if epoch > last)):
            logging.warning(
                "this fit ends at epoch %d: the rewind points of epochs %s are not kept in it", last, beyond
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the state; if it was kept a moment ago, only where other callbacks have changed it since.

        ReduceLROnPlateau lowers the rate at the end of an epoch.
        """
        del logs
        self._keep(self.model, epoch, replaces=self._kept_at_end)
        self._kept_at_end = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        self._kept_at_end = self._keep(self.model, epoch + 1)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        del logs
        self._kept_at_end = None

    def keep(self, model: Any, epoch: int) -> None:
        """Keep the state if this is one of the epochs and has no point yet; `fit` has this called.

        A training loop of one's own calls this before each epoch and after the last.

        Args:
            model: Compiled with the optimizer that trains it.
            epoch: Epochs that are done.

        Raises:
            ValueError: The points are of another model, or its state cannot be kept.
            OSError: The folder cannot be written.
        """
        self._keep(model, arguments.integer("epoch", epoch, least=0))

    def finish(self, model: Any) -> None:
        """Keep nothing more of this model: what it trains from now on is a retraining. Rewinding has this called."""
        self._retrained.add(model)

    def read(self, epoch: int, model: Any) -> Arrays:
        """Return the arrays of the state kept at this epoch; as `point`."""
        return self.point(epoch, model).arrays

    def point(self, epoch: int, model: Any) -> Point:
        """Return the state kept at this epoch.

        Args:
            epoch: One of those kept.
            model: Compiled with the optimizer that it is for.

        Raises:
            TypeError: No whole number, or no Keras 2 model.
            ValueError: The model has no optimizer whose state can be kept.
            MissingPointError: It was not kept, or by an earlier training in the same folder.
            PointMismatchError: It was kept with another kind of optimizer, or is no rewind point.
            DamagedCheckpointError: The file is damaged.
            OSError: The file cannot be read.
        """
        epoch = arguments.integer("epoch", epoch, least=0)
        check_trainable(model)
        path, again = self._path(epoch), f"RewindPoints({str(self.folder)!r}, epochs=[{epoch}])"
        try:
            arrays, metadata = checkpoint.read(path)
        except FileNotFoundError as error:
            raise MissingPointError(
                f"no rewind point of epoch {epoch} in {self.folder}; it has {self._found() or 'none'}. Train with "
                f"{again} among the callbacks first."
            ) from error
        except DamagedCheckpointError as error:
            raise DamagedCheckpointError(f"{error} Train again to make it anew.") from error
        except OSError as error:
            raise OSError(
                f"the rewind point of epoch {epoch} cannot be read: {path}: {error.strerror}. Expected a file that "
                "RewindPoints wrote; mend that, and rewind again."
            ) from error
        if metadata.get("epoch") != epoch or "optimizer" not in metadata:
            raise PointMismatchError(
                f"{path} is not the rewind point of epoch {epoch}; expected a file that RewindPoints wrote, under its "
                f"own name. Train with {again} to make it."
            )
        training = self._training or self._last_training()
        if training and metadata.get("training") != training:
            raise MissingPointError(
                f"the rewind point of epoch {epoch} in {self.folder} is of an earlier training than the last one that "
                f"began there. Train with {again} to that epoch, and give each training a folder of its own."
            )
        if metadata["optimizer"] != _kind(model.optimizer):
            raise PointMismatchError(
                f"the rewind point of epoch {epoch} was kept with the optimizer {metadata['optimizer']}; the model has "
                f"{_kind(model.optimizer)}. Compile with the same kind."
            )
        step = metadata.get("schedule_step", int(arrays["optimizer/iteration"]))
        return Point(arrays=arrays, schedule_step=step)

    def shrunk(self, report: ShrinkReport, folder: str | Path) -> RewindPoints:
        """Return the points of the last training as points of the model that `shrink` made of the one trained.

        Args:
            report: What `shrink` said of that model.
            folder: Another one, in which they are kept.

        Raises:
            TypeError: No report, or no path.
            ValueError: The same folder.
            MissingPointError: There are none.
            PointMismatchError: The report is of another model.
            DamagedCheckpointError: A file is damaged.
            OSError: A file cannot be read or written.
        """
        if not isinstance(report, ShrinkReport):
            raise TypeError(
                f"report is {report!r} ({type(report).__name__}); expected a tl.ShrinkReport, the second of what "
                "tl.shrink(model) returns."
            )
        other = RewindPoints(folder)
        if other.folder.resolve() == self.folder.resolve():
            raise ValueError(f"folder is {folder}, where the points are; expected another one. Name a new folder.")
        training, found = self._training or self._last_training(), self._found()
        if not training or not found:
            raise MissingPointError(f"no rewind points in {self.folder}; expected some. Train with them first.")
        with _written(other.folder / "training.txt", size=0) as path:
            path.write_text(f"{training}\n")
        for epoch in found:
            arrays, metadata = checkpoint.read(self._path(epoch))
            if metadata.get("training") == training:
                arrays = cut(arrays, report.kept)
                with _written(other._path(epoch), size=sum(array.nbytes for array in arrays.values())) as path:
                    checkpoint.write(path, arrays, metadata)
        return other

    def _keep(self, model: Any, epoch: int, *, replaces: Arrays | None = None) -> Arrays | None:
        """Return what was kept, None if nothing was."""
        if not self.epochs or model in self._retrained:
            return None
        self._begin(model, epoch)
        if epoch not in self.epochs or (replaces is None and self._is_kept(epoch)):
            return None
        arrays = capture(model)
        if replaces is not None and all(arrays[name].tobytes() == old.tobytes() for name, old in replaces.items()):
            return None
        metadata = {
            "epoch": epoch,
            "optimizer": _kind(model.optimizer),
            "schedule_step": schedule_step(model.optimizer),
            "training": self._training,
        }
        with _written(self._path(epoch), size=sum(array.nbytes for array in arrays.values())) as path:
            checkpoint.write(path, arrays, metadata)
        return arrays

    def _begin(self, model: Any, epoch: int) -> None:
        """Note which training this is, at its first epoch."""
        if self._trained is None:
            check_trainable(model)
            if model.built:
                # What is traced before an optimizer has variables is traced twice, and Nadam counts that: as the one
                # that is rewound to a point has them, so must the one that the point is of.
                model.optimizer.build(model.trainable_variables)
            self._training = (epoch and self._last_training()) or secrets.token_hex(8)
            with _written(self.folder / "training.txt", size=0) as path:
                path.write_text(f"{self._training}\n")
            self._trained = weakref.ref(model)
        elif self._trained() is not model:
            raise ValueError(
                f"the points in {self.folder} are of another model than this one, {model.name!r}; expected the one "
                "that was trained with them first. Make a RewindPoints with a folder of its own for each model."
            )

    def _is_kept(self, epoch: int) -> bool:
        try:
            return checkpoint.read(self._path(epoch))[1].get("training") == self._training
        except (OSError, DamagedCheckpointError):
            return False

    def _last_training(self) -> str | None:
        try:
            return (self.folder / "training.txt").read_text().strip()
        except (OSError, ValueError):
            return None

    def _found(self) -> list[int]:
        names = (path.stem.removeprefix("epoch_") for path in self.folder.glob("epoch_*.safetensors"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:04d}.safetensors"


@contextmanager
def _written(path: Path, *, size: int) -> Iterator[Path]:
    """Make the folder; of an error of the file system, say what it is about."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
    except OSError as error:
        raise OSError(
            f"rewind points cannot be kept: {path}: {error.strerror or error}. Expected a folder that can be written, "
            f"with room for {size / 1e6:.1f} MB a point; mend that or choose another, and train again."
        ) from error


def last_epoch(callback: Any) -> int | None:
    """Return the epoch at which this callback's `fit` ends, None in a loop of somebody's own."""
    return (getattr(callback, "params", None) or {}).get("epochs")


def _epochs(value: Any) -> frozenset[int]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"epochs is {value!r} ({type(value).__name__}); expected a list of whole numbers, as [0, 10].")
    return frozenset(arguments.integer("each of epochs", epoch, least=0) for epoch in value)


def _kind(optimizer: Any) -> str:
    return type(unscaled(optimizer)).__name__
