"""`RewindPoints`: a callback that keeps the whole training state at chosen epochs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays, DamagedCheckpointError
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.slots import unscaled
from tf_lottery.rewinding.state import PointMismatchError, capture


class MissingPointError(ValueError):
    """A rewind point that was not kept."""


class RewindPoints(keras.callbacks.Callback):
    """Keeps weights, batch norm statistics, masks, optimizer slots and step at the chosen epochs, one file each.

    Example:
        points = RewindPoints("points", epochs=[0, 10])
        model.fit(x, y, epochs=20, callbacks=[points])
    """

    def __init__(self, folder: str | Path, epochs: Collection[int] = ()) -> None:
        """Choose what to keep; with no epochs, what an earlier run kept in the folder can be read.

        Args:
            folder: Made if it is not there.
            epochs: Epochs done when the state is kept: 0 is before training, 10 after ten epochs.

        Raises:
            ValueError: An epoch below 0.
        """
        super().__init__()
        if min(epochs, default=0) < 0:
            raise ValueError(f"epochs {sorted(epochs)}: expected 0 (before training) or more.")
        self.folder, self.epochs = Path(folder), frozenset(epochs)
        self._kept: set[int] = set()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        self._keep(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        self._keep(epoch + 1)

    def read(self, epoch: int, model: Any) -> Arrays:
        """Return the state kept at this epoch.

        Args:
            epoch: One of those kept.
            model: Compiled with the optimizer that it is for.

        Raises:
            MissingPointError: It was not kept.
            PointMismatchError: It was kept with another kind of optimizer.
            DamagedCheckpointError: The file is damaged.
        """
        try:
            arrays, metadata = checkpoint.read(self._path(epoch))
        except FileNotFoundError as error:
            found = sorted(int(path.stem.removeprefix("epoch_")) for path in self.folder.glob("epoch_*.safetensors"))
            raise MissingPointError(
                f"no rewind point of epoch {epoch} in {self.folder}; it has {found or 'none'}. Train with "
                f"RewindPoints({str(self.folder)!r}, epochs=[{epoch}]) among the callbacks first."
            ) from error
        except DamagedCheckpointError as error:
            raise DamagedCheckpointError(f"{error} Train again to make it anew.") from error
        if metadata["optimizer"] != _kind(model.optimizer):
            raise PointMismatchError(
                f"the rewind point of epoch {epoch} was kept with the optimizer {metadata['optimizer']}; the model has "
                f"{_kind(model.optimizer)}. Compile with the same kind."
            )
        return arrays

    def _keep(self, epoch: int) -> None:
        # A point of this training is final: retraining with the same callback must not replace it.
        if epoch not in self.epochs or epoch in self._kept:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        metadata = {"epoch": epoch, "optimizer": _kind(self.model.optimizer)}
        checkpoint.write(self._path(epoch), capture(self.model), metadata)
        self._kept.add(epoch)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:04d}.safetensors"


def _kind(optimizer: Any) -> str:
    return type(unscaled(optimizer)).__name__
