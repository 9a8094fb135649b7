"""The user's home folder, where there is one: in a container there may be neither $HOME nor a user of this number."""

from __future__ import annotations

from pathlib import Path


def home() -> Path | None:
    """Return the home folder; None if nobody knows it."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(path: str) -> Path:
    """Return a path that a user typed, with its ~ or ~name expanded.

    Raises:
        ValueError: Nobody knows that home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: that home folder is not known. Expected a path without ~, or $HOME set.") from None
