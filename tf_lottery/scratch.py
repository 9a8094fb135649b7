"""A temporary folder of the command's own, which is gone with it: TensorFlow and Matplotlib leave files in theirs."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tf_lottery.home import home

# Which process made which folder: nothing else is ever removed, whatever $TMPDIR names.
_MADE = "TF_LOTTERY_TEMPORARY_FOLDER"


def own_temporary_folder(*others: Path) -> None:
    """Let temporary files of this process and of those that it starts be in one folder, until it ends.

    Args:
        others: Where to make it if no usual folder ($TMPDIR, /tmp, ...) can be written.
    """
    for parent in (None, *others):
        with suppress(OSError):
            tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="tf_lottery-", dir=parent)
            os.environ[_MADE] = f"{os.getpid()} {tempfile.tempdir}"
            atexit.register(_remove)
            _give_matplotlib_a_folder()
            return


def end_now(status: int) -> NoReturn:
    """End the process from any thread: no handler, no clean-up but of its own temporary folder."""
    with suppress(OSError):  # nothing can be done, and nobody be told
        _remove()
    os._exit(status)


def _give_matplotlib_a_folder() -> None:
    """Let it keep its list of fonts here if it may not in the user's home: else it says so, in each process."""
    users = home() or Path(os.devnull)
    for variable, usual in (("XDG_CONFIG_HOME", users / ".config"), ("XDG_CACHE_HOME", users / ".cache")):
        folder = Path(os.environ.get(variable) or usual) / "matplotlib"
        with suppress(OSError):
            there = next(path for path in (folder, *folder.parents) if path.exists())
            if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
                continue
        os.environ.setdefault("MPLCONFIGDIR", str(Path(os.environ["TMPDIR"]) / "matplotlib"))


def _remove() -> None:
    """Remove the folder if this process made it, or the one that started this process with multiprocessing."""
    maker, _, folder = os.environ.get(_MADE, "").partition(" ")
    parent = multiprocessing.parent_process()
    if maker in {str(os.getpid()), *([str(parent.pid)] if parent else [])}:
        shutil.rmtree(folder, ignore_errors=True)
