"""Where a page is from: versions, the command, its day, and the digest of each file of data."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from tf_lottery import command_names

from . import reference


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a reader needs to make the same page again."""

    versions: str
    command: str
    day: str  # UTC, year-month-day
    files: tuple[tuple[str, str], ...]  # name and SHA-256 of each file of data, as `sha256sum` prints it


def provenance(arguments: Sequence[str], files: Iterable[Path | Traversable], *, version: str) -> Provenance:
    """Return where what is drawn now is from.

    The day is today's, or that of SOURCE_DATE_EPOCH (reproducible-builds.org), with which equal data give equal bytes.

    Args:
        arguments: Of the command.
        files: What was read.
        version: Of tf_lottery.

    Raises:
        OSError: One cannot be read.
        ValueError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    return Provenance(
        versions=f"tf_lottery {version}, Python {platform.python_version()}, Matplotlib {mpl.__version__}, "
        f"pandas {pd.__version__}",
        command=f"{command_names.figures()} {shlex.join(arguments)}".strip(),
        day=_day(os.environ.get("SOURCE_DATE_EPOCH", "")),
        files=tuple((_shown(path), _digest(path)) for path in files),
    )


def _day(seconds: str) -> str:
    try:
        day = datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(
            f"SOURCE_DATE_EPOCH={seconds}: expected whole seconds since 1970. Correct the variable, or unset it."
        ) from error
    return day.strftime("%Y-%m-%d")


def _shown(path: Path | Traversable) -> str:
    return str(path) if path != reference.file() else f"{path.name}, which ships with the package"


def _digest(path: Path | Traversable) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
