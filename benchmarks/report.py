"""Tables for a terminal and for RESULTS.md, and the environment that they were measured in."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path

from tf_lottery.cores import cores

_PACKAGES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy", "torch")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """Return a Markdown table that is also readable as it is: columns of text, then columns of numbers."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        sides = [str.ljust] * text_columns + [str.rjust] * (len(head) - text_columns)
        padded = (side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rules = ["-" * (width + 2) if n < text_columns else "-" * (width + 1) + ":" for n, width in enumerate(widths)]
    rule = f"|{'|'.join(rules)}|"
    return "\n".join([line(head), rule, *map(line, rows)])


def environment() -> str:
    """Return the processor, its cores, the Python and the versions of what was measured."""
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return f"{_processor()}, {cores()} cores; Python {platform.python_version()}; " + ", ".join(versions)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    wide = any(line.startswith("flags") and "avx512f" in line for line in lines)
    return f"{names[0] if names else platform.machine()} ({'AVX-512' if wide else 'no AVX-512'})"
