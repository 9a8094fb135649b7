"""The paper's figures from the published data: how long each takes to draw, and the whole command."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.report import table
from paper_figures import tables
from paper_figures.blocks import blocks
from paper_figures.catalogue import Drawing, catalogue
from paper_figures.save import save
from paper_figures.scene import scenes


def report(*, rounds: int, quick: bool) -> str:
    """Draw every figure in this process, one after another, then run the command; return the table of their times."""
    published, _ = tables.published(None)
    drawings = catalogue(scenes(blocks(published)))
    with tempfile.TemporaryDirectory() as folder:
        each = {drawing.name: _median(drawing, Path(folder), rounds) for drawing in drawings[:: 10 if quick else 1]}
    slowest = max(each, key=lambda name: each[name])
    command = [_command(["no_loss"] if quick else []) for _ in range(rounds)]
    rows = [
        ("a figure, the median of all", f"{statistics.median(each.values()):.2f}", ""),
        (f"the slowest, {slowest}", f"{each[slowest]:.2f}", "2"),
        ("python -m paper_figures, as many processes as cores", f"{statistics.median(command):.1f}", "60"),
    ]
    return f"### {len(each)} figures, as SVG, PDF and PNG, for print and wide\n\n" + table(
        ("what", "seconds", "aim"), rows
    )


def _median(drawing: Drawing, folder: Path, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        save(replace(drawing), folder)  # a copy, whose numbers are not known yet
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _command(names: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "paper_figures", f"--output_dir={folder}", *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[1])
        return time.perf_counter() - began
