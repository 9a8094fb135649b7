"""What TensorBoard shows of a stage: one run, one event file."""

from __future__ import annotations

from collections.abc import Mapping
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
_LARGEST_MASK_IMAGE = 1024  # pixels on a side


class TensorBoardLog:
    """Writes one stage's events into its folder."""

    def __init__(self, folder: Path) -> None:
        """Begin anew: what an interrupted run wrote after its last checkpoint would be there twice."""
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = tf.summary.create_file_writer(str(folder))

    def epoch(self, row: Mapping[str, float]) -> None:
        """Log one epoch's row of metrics at its step."""
        with self._writer.as_default(step=int(row["step"])):
            for column, tag in _SCALARS.items():
                tf.summary.scalar(tag, row[column])

    def pruned(self, kernels: Mapping[str, npt.NDArray[Any]], masks: Mapping[str, npt.NDArray[Any]]) -> None:
        """Log densities, weight histograms and mask pictures as they are right after pruning."""
        with self._writer.as_default(step=0):
            total = sum(mask.size for mask in masks.values())
            tf.summary.scalar("density/all", sum(int(mask.sum()) for mask in masks.values()) / total)
            for name, mask in masks.items():
                layer = name.replace("/", ".")
                tf.summary.scalar(f"density_by_layer/{layer}", mask.mean(dtype=np.float64))
                tf.summary.histogram(f"kept_weights/{layer}", kernels[name][mask != 0])
                tf.summary.image(f"masks/{layer}", _picture(mask))

    def result(self, flags: Mapping[str, Any], metrics: Mapping[str, float], *, step: int, trial_id: str) -> None:
        """Log the final metrics, and the flags that led to them for the HParams tab, under this name."""
        from tensorboard.plugins.hparams import api as hparams  # imports TensorFlow

        with self._writer.as_default(step=step):
            hparams.hparams(dict(flags), trial_id=trial_id)
            for name, value in metrics.items():
                tf.summary.scalar(f"result/{name}", value)

    def close(self) -> None:
        """Write out what is buffered."""
        self._writer.close()


def declare_hparams(folder: Path, flags: Mapping[str, Any], metrics: Mapping[str, str]) -> None:
    """Declare the HParams tab's columns once, in the folder that TensorBoard is started on.

    Args:
        folder: TensorBoard's log folder.
        flags: Name to an example of its type.
        metrics: Name to what people read.
    """
    from tensorboard.plugins.hparams import api as hparams  # imports TensorFlow

    if list(folder.glob("events.out.tfevents.*")):
        return
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams_config(
            hparams=[hparams.HParam(name) for name in flags],
            metrics=[hparams.Metric(f"result/{name}", display_name=shown) for name, shown in metrics.items()],
        )


def _picture(mask: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a mask as one picture [1, height, width, 1]: inputs down, outputs across; a corner of a huge one."""
    flat = mask.reshape(-1, mask.shape[-1])[:_LARGEST_MASK_IMAGE, :_LARGEST_MASK_IMAGE]
    return flat[None, :, :, None].astype(np.float32)
