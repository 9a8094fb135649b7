"""Temporary files that dead processes left: ours and those of programs that copy."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

# A file is written beside its place as .NAME.RANDOM, then renamed; rsync names what it is writing in the same way.
_TEMPORARY = re.compile(r"\.(.+\.(json|csv|safetensors|png|svg|pdf)|events\.out\.tfevents\..+)\.\w+")
_SECONDS = 600.0  # no file takes so long to be written: an older one has no writer


def beside(path: Path) -> Path:
    """Return where to write what is then renamed to `path`.

    Random, not by the process: in every container processes count from 1.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def sweep(folder: Path, *, seconds: float = _SECONDS, apart: Path | None = None) -> None:
    """Remove the temporary files in a folder and all below, but for one of these, that are older than this."""
    now = time.time()
    for where, below, names in os.walk(folder):
        below[:] = (name for name in below if apart is None or Path(where) / name != apart)
        for name in filter(_TEMPORARY.fullmatch, names):
            path = Path(where) / name
            try:
                if now - path.stat().st_mtime >= seconds:
                    path.unlink()
            except OSError:
                pass  # renamed or removed meanwhile, or another user's
