"""A file or folder that is there whole or not at all: written beside its place, put there at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a SavedModel consists of; a folder with anything else in it is somebody's and is not replaced.
_SAVED_MODEL = {"saved_model.pb", "keras_metadata.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}


def check_place(path: Path, *, folder: bool) -> None:
    """Raise an error if nothing can be put at `path`.

    Args:
        path: Where a file or folder shall be.
        folder: It will be a folder, a SavedModel.

    Raises:
        FileNotFoundError: There is no such parent folder.
        IsADirectoryError, NotADirectoryError, FileExistsError: Something else is there.
    """
    if not path.parent.exists():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; expected one. Create it first.")
    if not path.parent.is_dir():
        raise NotADirectoryError(f"{path}: {path.parent} is a file; expected a folder. Give another path.")
    if path.is_dir() and not folder:
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file. Give another path, or remove it.")
    if folder and path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file; expected a new folder, for a SavedModel. Give another path.")
    there = {each.name for each in path.iterdir()} if path.is_dir() else set()
    # Without its main file, folders of the other names may be anybody's `assets`.
    others = there - _SAVED_MODEL if "saved_model.pb" in there else there
    if others:
        raise FileExistsError(
            f"{path} holds {sorted(others)[0]!r}, which is no part of a SavedModel; expected a new folder, or an older "
            "SavedModel to replace. Give another path."
        )


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a path of the same name to write to, in a folder of its own; move it to `path` if all goes well.

    If anything is raised, nothing of it stays, and what was at `path` is still there.

    Raises:
        OSError: The parent folder cannot be written.
    """
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise type(error)(
            f"{path} cannot be written ({reason}); expected a folder that can. Give another path."
        ) from error
    try:
        written = work / path.name
        yield written
        if path.is_dir():
            path.rename(work / "older")
        try:
            written.replace(path)
        except BaseException:
            if (work / "older").exists():
                (work / "older").rename(path)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
