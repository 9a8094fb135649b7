"""Temporary files that dead processes left: ours and those of programs that copy."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

# A file is written beside its place as .NAME.RANDOM, then renamed; rsync names what it is writing in the same way.
_TEMPORARY = re.compile(r"\.(.+\.(json|csv|safetensors|png|svg|pdf)|events\.out\.tfevents\..+)\.\w+")
_OWN = re.compile(r"\.[0-9a-f]{8}$")  # the random end that `beside` makes
_SECONDS = 600.0  # no file takes so long to be written: an older one has no writer


def beside(path: Path) -> Path:
    """Return where to write what is then renamed to `path`.

    Random, not by the process: in every container processes count from 1.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def sweep(folder: Path, *, seconds: float = _SECONDS) -> None:
    """Remove the temporary files, older than this, in a folder and all below: one in which all is ours."""
    for where, _, names in os.walk(folder):
        _remove_old((Path(where) / name for name in names if _TEMPORARY.fullmatch(name)), seconds)


def sweep_flat(folder: Path, patterns: Iterable[str]) -> None:
    """Remove the old temporary files of our own in a folder that may be anybody's, and in none below.

    Args:
        folder: Such as --output_dir, which may be a home.
        patterns: What a run writes there, as `results.csv`.
    """
    for pattern in patterns:
        _remove_old((path for path in folder.glob(f".{pattern}.*") if _OWN.search(path.name)), _SECONDS)


def _remove_old(paths: Iterable[Path], seconds: float) -> None:
    now = time.time()
    for path in paths:
        with suppress(OSError):  # renamed or removed meanwhile, or another user's
            if now - path.stat().st_mtime >= seconds:
                path.unlink()
