"""Where data files are looked for, in this order."""

from __future__ import annotations

import os
from pathlib import Path

from tf_lottery.home import expanded, home

VARIABLE = "TF_LOTTERY_DATA_DIR"

# Debian's packages put data into the first.
_SHARED = ("/usr/share/datasets", "/usr/local/share/datasets")


def places(data_dir: str | None) -> tuple[Path, ...]:
    """Return the folders to search: the one given, the environment's, the machine's, the user's.

    Those that nobody named and that may not be searched, such as another user's home, are left out.

    Raises:
        ValueError: A ~ in a path that was given cannot be expanded.
    """
    given = [data_dir, os.environ.get(VARIABLE)]
    tfds = os.environ.get("TFDS_DATA_DIR")
    users = home()
    usual = [Path(place) for place in _SHARED]
    usual += [users / ".local/share/datasets"] if users else []
    usual += [expanded(tfds)] if tfds else [users / "tensorflow_datasets"] if users else []
    return (*(expanded(place) for place in given if place), *filter(_may_be_searched, usual))


def subfolders(place: Path, *names: str) -> tuple[Path, ...]:
    """Return the folders of these names in a place, then the place itself."""
    return (*(place / name for name in names), place)


def _may_be_searched(place: Path) -> bool:
    try:
        (place / "any").exists()
    except OSError:
        return False
    return True
