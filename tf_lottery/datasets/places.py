"""Where data files are looked for, in this order."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "TF_LOTTERY_DATA_DIR"

# Debian's packages put data into the first.
_SHARED = ("/usr/share/datasets", "/usr/local/share/datasets")


def places(data_dir: str | None) -> tuple[Path, ...]:
    """Return the folders to search: the one given, the environment's, the machine's, the user's."""
    given = [data_dir, os.environ.get(VARIABLE), *_SHARED]
    home = Path.home()
    tfds = os.environ.get("TFDS_DATA_DIR")
    users = [home / ".local/share/datasets", Path(tfds) if tfds else home / "tensorflow_datasets"]
    return (*(Path(place).expanduser() for place in given if place), *users)


def subfolders(place: Path, *names: str) -> tuple[Path, ...]:
    """Return the folders of these names in a place, then the place itself."""
    return (*(place / name for name in names), place)
