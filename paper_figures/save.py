"""Writing figures: vector and pixels, for print and wide, with the numbers that were drawn as CSV."""

from __future__ import annotations

import gc
import multiprocessing
import secrets
import signal
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from tf_lottery.cores import cores

from .blocks import blocks
from .canvas import Size
from .catalogue import Drawing, catalogue
from .look import STYLE
from .scene import scenes

_FOR_A_PROCESS = 8  # figures: a process takes as long to start as a few take to draw
_OF_A_RUN = ("accuracy", "controls")  # what a run draws at its end: what it takes a second to draw
# What a figure is written as, by the names of --formats: size, and the end of the file's name.
FORMATS: Mapping[str, tuple[Size, str]] = {
    "svg": ("print", ".svg"),
    "png": ("print", ".png"),
    "pdf": ("print", ".pdf"),
    "wide-svg": ("wide", "-wide.svg"),
    "wide-png": ("wide", "-wide.png"),
}
# The same numbers make the same bytes: no dates, no random names.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}


def save_figures(table: pd.DataFrame, folder: Path, *, among: pd.DataFrame | None = None) -> list[Path]:
    """Draw accuracy against compression for all results of a run, and return the PNG files.

    Args:
        table: What the run asked for.
        folder: Where the figures of all runs on a store are.
        among: Every result of that store: where it has several trainings of a network, or seeds, names of files say
            which, so that one run's do not take the place of another's.

    Raises:
        OSError: The folder cannot be written.
    """
    every = blocks((table if among is None else among).assign(source="own"))
    drawn = scenes(blocks(table.assign(source="own")))
    drawings = catalogue([replace(scene, training=scene.front.told_apart(every)) for scene in drawn])
    formats = ("png", "svg", "pdf")
    return [save(drawing, folder, formats) for drawing in drawings if drawing.family in _OF_A_RUN]


def save(drawing: Drawing, folder: Path, formats: Collection[str] = FORMATS) -> Path:
    """Write a figure in these formats and what it draws as CSV; return the path of the first format.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gc.disable()  # artists are full of cycles, and looking for them takes a sixth of the time; they are freed below
    try:
        return _save(drawing, folder, formats)
    finally:
        gc.enable()


def save_all(
    drawings: Sequence[Drawing], folder: Path, formats: Collection[str] = FORMATS
) -> Generator[Path, None, None]:
    """Write figures, in a process for each core if there are many, and give each one's path, in order.

    Raises:
        DrawingDiedError: A process was killed.
        OSError: The folder cannot be written.
    """
    save_one = partial(save, folder=folder, formats=formats)
    processes = min(cores(), len(drawings) // _FOR_A_PROCESS)
    if processes <= 1:
        yield from map(save_one, drawings)
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _leave_interrupts_to_the_parent)
    try:
        yield from pool.map(save_one, drawings)
    except BrokenProcessPool as error:
        raise DrawingDiedError from error
    finally:
        pool.shutdown(cancel_futures=True)


class DrawingDiedError(Exception):
    """A process that drew figures was killed."""


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it waits for the figures under way, so that no file stays half


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path beside this one to write to, and put what was written in its place: nobody sees half of it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # random: in containers processes count from 1
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _save(drawing: Drawing, folder: Path, formats: Collection[str]) -> Path:
    with whole(folder / f"{drawing.name}.csv") as path:
        drawing.csv.to_csv(path, index=False, lineterminator="\n")
    style: Any = dict(STYLE) | {"svg.hashsalt": drawing.name}  # names that only Matplotlib's stubs know one by one
    figures: dict[Size, Figure] = {}
    paths = []
    with mpl.rc_context(style):
        for size, ending in (FORMATS[name] for name in formats):
            if size not in figures:
                figures[size] = drawing.figure(size)
            paths.append(folder / f"{drawing.name}{ending}")
            kind = ending.split(".")[-1]
            with whole(paths[-1]) as path:
                figures[size].savefig(path, format=kind, metadata=_METADATA[kind])
    return paths[0]
