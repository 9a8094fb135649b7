"""Writing figures: vector and pixels, for print and wide, with the numbers that were drawn as CSV."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

from paper_figures.blocks import blocks
from paper_figures.canvas import Size
from paper_figures.catalogue import Drawing, catalogue
from paper_figures.look import STYLE
from paper_figures.scene import scenes

_OF_A_RUN = ("accuracy", "controls")  # what a run draws at its end: what it takes a second to draw
_ENDINGS: dict[Size, tuple[str, ...]] = {"print": ("svg", "png", "pdf"), "wide": ("svg", "png")}
# The same numbers make the same bytes: no dates, no random names.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}


def save_figures(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw accuracy against compression for all results of a run, and return the PNG files.

    Raises:
        OSError: The folder cannot be written.
    """
    drawings = catalogue(scenes(blocks(table.assign(source="own"))))
    return [save(drawing, folder, sizes=("print",)) for drawing in drawings if drawing.family in _OF_A_RUN]


def save(drawing: Drawing, folder: Path, *, sizes: Sequence[Size] = ("print", "wide")) -> Path:
    """Write a figure as NAME.svg, .png, .pdf and .csv, and NAME-wide.svg and .png; return NAME.png.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gc.disable()  # artists are full of cycles, and looking for them takes a sixth of the time; they are freed below
    try:
        return _save(drawing, folder, sizes)
    finally:
        gc.enable()


def save_all(drawings: Sequence[Drawing], folder: Path) -> Iterator[Path]:
    """Write figures, in a process for each core where processes can be forked, and give each one's PNG, in order.

    Raises:
        OSError: The folder cannot be written.
    """
    processes = min(len(os.sched_getaffinity(0)), len(drawings)) if sys.platform == "linux" else 1
    if processes <= 1:
        yield from (save(drawing, folder) for drawing in drawings)
        return
    fork = multiprocessing.get_context("fork")  # drawings hold functions, which a fork has and a message cannot carry
    with fork.Pool(processes, _begin, (drawings,)) as pool:
        yield from pool.imap(partial(_save_one, folder), range(len(drawings)))


_drawings: list[Drawing] = []  # of a forked process


def _begin(drawings: Sequence[Drawing]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this process:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that files begun are removed
    _drawings[:] = drawings


def _save_one(folder: Path, place: int) -> Path:
    return save(_drawings[place], folder)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path beside this one to write to, and put what was written in its place: nobody sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _save(drawing: Drawing, folder: Path, sizes: Sequence[Size]) -> Path:
    with whole(folder / f"{drawing.name}.csv") as path:
        drawing.csv.to_csv(path, index=False, lineterminator="\n")
    style: Any = dict(STYLE) | {"svg.hashsalt": drawing.name}  # names that only Matplotlib's stubs know one by one
    with mpl.rc_context(style):
        for size in sizes:
            figure = drawing.figure(size)
            for ending in _ENDINGS[size]:
                stem = drawing.name if size == "print" else f"{drawing.name}-{size}"
                with whole(folder / f"{stem}.{ending}") as path:
                    figure.savefig(path, format=ending, metadata=_METADATA[ending])
    return folder / f"{drawing.name}.png"
