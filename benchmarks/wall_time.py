"""The README's command, from nothing to its table: in one process, and shared among as many as are fastest."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import table

_COMMAND = Path(__file__).resolve().parents[1] / "run_experiment.py"


def report(*, rounds: int, quick: bool) -> str:
    """Run the command in empty folders, the two ways in turn, and return the table of its times."""
    few = ["--epochs=1", "--density=0.8", "--trials=1"] if quick else []
    ways = {"--executor=inline, the default": ["--executor=inline"], "--executor=local": ["--executor=local"]}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, flags in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, str(_COMMAND), "--strategy=weight_rewind", f"--output_dir={folder}"]
                began = time.perf_counter()
                subprocess.run([*command, *flags, *few], check=True, capture_output=True)
                seconds[way].append(time.perf_counter() - began)
    rows = [
        (way, f"{statistics.median(times):.1f}", f"{min(times):.1f} to {max(times):.1f}")
        for way, times in seconds.items()
    ]
    return "### python run_experiment.py --strategy=weight_rewind\n\n" + table(
        ("way", "seconds", "lowest to highest"), rows
    )
