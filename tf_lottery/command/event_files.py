"""Files of events for TensorBoard that are there whole or not at all, written without TensorFlow."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tf_lottery.experiments.litter import beside, sweep_flat

# TensorBoard looks for the first three words. One name, so that a second run's file takes the place of the first one's.
_BEGIN = "events.out.tfevents.0000000000."
NAME = f"{_BEGIN}summary"


def write_events(folder: Path, values: Sequence[tuple[int, Any]], *, part: str = "summary") -> None:
    """Write these events, in place of an earlier call's.

    Args:
        folder: The run; made if it is not there.
        values: Pairs of step and `Summary.Value`.
        part: The end of the file's name, where a run has several files.

    Raises:
        OSError: It cannot be written.
    """
    # TensorBoard's own writer of records takes 0.3 s to import.
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    now, content = time.time(), io.BytesIO()
    records = RecordWriter(content)
    records.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    for step, value in sorted(values, key=lambda pair: pair[0]):
        summary = summary_pb2.Summary(value=[value])
        records.write(event_pb2.Event(wall_time=now, step=step, summary=summary).SerializeToString())
    folder.mkdir(parents=True, exist_ok=True)
    sweep_flat(folder, [part])
    # No word of TensorBoard's in its name: it would read what a killed process left.
    temporary = beside(folder / part)
    try:
        temporary.write_bytes(content.getvalue())
        temporary.replace(folder / f"{_BEGIN}{part}")
    finally:
        temporary.unlink(missing_ok=True)


def scalar(tag: str, value: float) -> Any:
    """Return a number as `Summary.Value`."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def image(tag: str, png: bytes) -> Any:
    """Return a PNG as `Summary.Value`."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    width, height = struct.unpack(">II", png[16:24])  # a PNG's header
    picture = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    return Summary.Value(tag=tag, image=picture)


def remove(path: Path, *, up_to: Path) -> None:
    """Remove a file, and the folders that are empty without it, but not `up_to` itself."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == up_to:
            return
        with suppress(OSError):  # not empty
            folder.rmdir()
