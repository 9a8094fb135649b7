"""What TensorBoard shows of a stage: one run, one event file."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.lazy_tf import tf

_SCALARS = {
    "learning_rate": "learning_rate",
    "loss": "loss/train",
    "validation_loss": "loss/validation",
    "accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
}
_BY_STEP = {
    "validation_loss": "loss_by_step/validation",
    "validation_accuracy": "accuracy_by_step/validation",
    "test_accuracy": "accuracy_by_step/test",
}
_LARGEST_MASK_IMAGE = 1024  # pixels on a side


class TensorBoardLog:
    """Writes one stage's events into its folder.

    Events are made here and written as records: `tf.summary`, which makes each with half a dozen operations, took as
    long as a small network's epoch.
    """

    def __init__(self, folder: Path) -> None:
        """Begin anew: what an interrupted run wrote after its last checkpoint would be there twice."""
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._file = _EventFile(folder)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Log one epoch's row of metrics at its step."""
        self._file.write([_scalar(tag, row[column]) for column, tag in _SCALARS.items()], step=int(row["step"]))

    def evaluation(self, row: Mapping[str, Any]) -> None:
        """Log one evaluation between the ends of epochs; what was not measured is None."""
        told = {tag: row[column] for column, tag in _BY_STEP.items() if row[column] is not None}
        self._file.write([_scalar(tag, value) for tag, value in told.items()], step=int(row["step"]))

    def pruned(self, kernels: Mapping[str, npt.NDArray[Any]], masks: Mapping[str, npt.NDArray[Any]]) -> None:
        """Log densities, weight histograms and mask pictures as they are right after pruning."""
        total = sum(mask.size for mask in masks.values())
        summaries = [_scalar("density/all", sum(int(mask.sum()) for mask in masks.values()) / total)]
        for name, mask in masks.items():
            layer = name.replace("/", ".")
            summaries.append(_scalar(f"density_by_layer/{layer}", mask.mean(dtype=np.float64)))
            summaries.append(_histogram(f"kept_weights/{layer}", kernels[name][mask != 0]))
            summaries.append(_image(f"masks/{layer}", _picture(mask)))
        self._file.write(summaries, step=0)

    def result(self, flags: Mapping[str, Any], metrics: Mapping[str, float], *, step: int, trial_id: str) -> None:
        """Log the final metrics, and the flags that led to them for the HParams tab, under this name."""
        from tensorboard.plugins.hparams import api as hparams  # imports TensorFlow

        session = hparams.hparams_pb(dict(flags), trial_id=trial_id)
        scalars = [_scalar(f"result/{name}", value) for name, value in metrics.items()]
        self._file.write([session, *scalars], step=step)

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()


class _EventFile:
    """A file of events as TensorBoard finds and reads them: TFRecords of `Event` messages."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._event = Event
        path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}"
        with _os_errors():
            # As bytes: TensorFlow takes text for UTF-8, whatever the locale.
            self._records = tf.io.TFRecordWriter(os.fsencode(path))
            self._records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())

    def write(self, summaries: list[Any], *, step: int) -> None:
        merged = self._event(wall_time=time.time(), step=step)
        for summary in summaries:
            merged.summary.MergeFrom(summary)
        with _os_errors():
            self._records.write(merged.SerializeToString())
            self._records.flush()

    def close(self) -> None:
        with _os_errors():
            self._records.close()


@contextmanager
def _os_errors() -> Iterator[None]:
    """Raise what the system told TensorFlow as Python does: a full disk is a ResourceExhaustedError there."""
    try:
        yield
    except tf.errors.OpError as error:
        path, _, why = error.message.rpartition("; ")
        number = next((number for number in errno.errorcode if os.strerror(number) == why), None)
        if number is None:
            raise
        raise OSError(number, why, path) from error


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    return scalar_pb(tag, float(value))


def _histogram(tag: str, values: npt.NDArray[Any]) -> Any:
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb

    return histogram_pb(tag, values)


def _image(tag: str, picture: npt.NDArray[np.uint8]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.image.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    height, width, _ = picture.shape
    png = tf.io.encode_png(picture, compression=1).numpy()
    parts = np.array([str(width).encode(), str(height).encode(), png], object)
    value = Summary.Value(
        tag=tag,
        tensor=make_tensor_proto(parts),
        metadata=create_summary_metadata(display_name=None, description=None),
    )
    return Summary(value=[value])


def _picture(mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return a mask as picture [height, width, 1]: white kept, inputs down, outputs across; of a huge one a corner."""
    flat = mask.reshape(-1, mask.shape[-1])[:_LARGEST_MASK_IMAGE, :_LARGEST_MASK_IMAGE]
    return (255 * (flat[:, :, None] != 0)).astype(np.uint8)
