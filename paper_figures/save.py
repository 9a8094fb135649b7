"""Writing figures: vector and pixels, for print and wide, with the numbers that were drawn as CSV."""

from __future__ import annotations

import gc
import multiprocessing
import secrets
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from tf_lottery.children import end_with_parent, kill_together, left_to_this_process
from tf_lottery.cores import cores

from . import canvas
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


def save(
    drawing: Drawing, folder: Path, formats: Collection[str] = FORMATS, *, half: str = "", bare: bool = False
) -> Path:
    """Write a figure in these formats and what it draws as CSV; return the path of the first format.

    Args:
        drawing: The figure.
        folder: Made if it is not there.
        formats: Names of `FORMATS`.
        half: The end of a file's name while it is written.
        bare: Without title, subtitle and note, for a paper of one's own; they are written to a .txt beside the figure.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gc.disable()  # artists are full of cycles, and looking for them takes a sixth of the time; they are freed below
    try:
        return _save(drawing, folder, formats, half or secrets.token_hex(4), bare)
    finally:
        gc.enable()


def save_all(
    drawings: Sequence[Drawing], folder: Path, formats: Collection[str] = FORMATS, *, bare: bool = False
) -> Generator[Path, None, None]:
    """Write figures, in a process for each core if there are many, and give each one's path, in order.

    Raises:
        DrawingDiedError: A process was killed.
        OSError: The folder cannot be written.
    """
    half = secrets.token_hex(4)
    save_one = partial(save, folder=folder, formats=formats, half=half, bare=bare)
    processes = min(cores(), len(drawings) // _FOR_A_PROCESS)
    if processes <= 1:
        yield from map(save_one, drawings)
        return
    others = set(multiprocessing.active_children())
    with left_to_this_process():
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), end_with_parent)
        paths = pool.map(save_one, drawings)
    try:
        yield from paths
    except BrokenProcessPool as error:
        raise DrawingDiedError from error
    except BaseException:  # interrupted: the figures under way, and those that wait, may take a minute
        kill_together(set(multiprocessing.active_children()) - others)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        for left in folder.glob(f".*.{half}"):  # of a process that was killed
            left.unlink(missing_ok=True)


class DrawingDiedError(Exception):
    """A process that drew figures was killed."""


@contextmanager
def whole(path: Path, half: str = "") -> Iterator[Path]:
    """Give a path beside this one to write to, and put what was written in its place: nobody sees half of it.

    Args:
        path: Where the file is when it is whole.
        half: The end of its name until then; by default one that no other process has.

    Raises:
        OSError: It cannot be written; the error names `path`.
    """
    beside = path.with_name(f".{path.name}.{half or secrets.token_hex(4)}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _save(drawing: Drawing, folder: Path, formats: Collection[str], half: str, bare: bool) -> Path:
    with whole(folder / f"{drawing.name}.csv", half) as path:
        drawing.csv.to_csv(path, index=False, lineterminator="\n")
    style: Any = dict(STYLE) | {"svg.hashsalt": drawing.name}  # names that only Matplotlib's stubs know one by one
    figures: dict[Size, Figure] = {}
    boxes: dict[Size, Bbox | None] = {}
    paths = []
    with mpl.rc_context(style):
        for size, ending in (FORMATS[name] for name in formats):
            if size not in figures:
                figures[size] = drawing.figure(size)
                words = [text.get_text() for text in figures[size].texts]
                boxes[size] = canvas.bare(figures[size]) if bare else None
            paths.append(folder / f"{drawing.name}{ending}")
            kind = ending.split(".")[-1]
            with whole(paths[-1], half) as path:
                figures[size].savefig(path, format=kind, metadata=_METADATA[kind], bbox_inches=boxes[size])
    if bare:
        with whole(folder / f"{drawing.name}.txt", half) as path:
            path.write_text("\n".join(text.replace("\n", " ") for text in words) + "\n", encoding="utf-8")
    return paths[0]
