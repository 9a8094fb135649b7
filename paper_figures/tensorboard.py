"""A run's summary figures under Images in TensorBoard, written without TensorFlow."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .save import whole

_NAME = "events.out.tfevents.0000000000."  # TensorBoard looks for the first three words


def log_figures(pngs: Sequence[Path], folder: Path) -> None:
    """Write the pictures as events of a run of their own, each in place of what an earlier call wrote of that figure.

    Args:
        pngs: Figures; a picture's tag is its file's name.
        folder: TensorBoard's log folder.

    Raises:
        OSError: It cannot be written.
    """
    # TensorBoard's own writer of records: it takes 0.3 s to import, and TensorFlow is not needed for it.
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    event: Any = event_pb2
    summary: Any = summary_pb2
    run = folder / "figures"
    run.mkdir(parents=True, exist_ok=True)
    (run / f"{_NAME}figures").unlink(missing_ok=True)  # an older version's: all figures in one
    for png in pngs:
        content = png.read_bytes()
        # Another command on the same store may write its own.
        with whole(run / f"{_NAME}{png.stem}") as path, path.open("wb") as file:
            writer: Any = RecordWriter(file)
            writer.write(event.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            width, height = struct.unpack(">II", content[16:24])  # a PNG's header
            picture = summary.Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)
            value = summary.Summary.Value(tag=f"figures/{png.stem}", image=picture)
            told = event.Event(wall_time=time.time(), step=0, summary=summary.Summary(value=[value]))
            writer.write(told.SerializeToString())
            writer.flush()
