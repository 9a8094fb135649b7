"""A temporary folder of the command's own, which is gone with it: TensorFlow and Matplotlib leave files in theirs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_PREFIX = "tf_lottery-"


def own_temporary_folder(*others: Path) -> None:
    """Let temporary files of this process and of those that it starts be in one folder, until it ends.

    Args:
        others: Where to make it if no usual folder ($TMPDIR, /tmp, ...) can be written.
    """
    for parent in (None, *others):
        with suppress(OSError):
            tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
            atexit.register(_remove)
            return


def end_now(status: int) -> NoReturn:
    """End the process from any thread: no handler, no clean-up but of its own temporary folder."""
    with suppress(OSError):  # nothing can be done, and nobody be told
        _remove()
    os._exit(status)


def _remove() -> None:
    folder = os.environ.get("TMPDIR", "")  # of the parent's, in a process that it started
    if Path(folder).name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
