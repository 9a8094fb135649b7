"""A command's standard streams, which may go away: a closed pipe, a full disk, a closed terminal.

No work is lost by it, and nothing else is blamed: what cannot be written is dropped, and the exit status tells.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import signal
import sys
from typing import Any

_PIPE_CLOSED = 128 + signal.SIGPIPE  # what a shell says of a command that wrote on after `| head` had enough


def outlive_streams() -> None:
    """Replace sys.stdout and sys.stderr by streams that never raise, and fill those that were closed.

    A number that is free would be given to the next file that is opened, and what libraries say be written into it.
    """
    for number in (0, 1, 2):
        _fill(number)
    sys.stdout, sys.stderr = _stream(1, sys.stdout), _stream(2, sys.stderr)


def status_of(status: int) -> tuple[int, str]:
    """Return the exit status of a command that ends with this one, and a sentence if its output was not written.

    As other Unix tools: 141 if nobody reads standard output any more, 1 if it cannot be written.
    """
    sys.stdout.flush()
    failure = getattr(getattr(sys.stdout.buffer, "raw", None), "failure", None)
    if failure is None:
        return status, ""
    if failure.errno == errno.EPIPE:
        return status or _PIPE_CLOSED, ""
    return status or 1, f"cannot write to standard output: {failure.strerror}."


class _Descriptor(io.FileIO):
    """An open file descriptor; after the first error, which is kept, everything is dropped."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.failure:
            return size
        try:
            while (written := super().write(data)) is None:  # it does not block, and is full: as a shared terminal
                select.select([], [self], [])
        except OSError as error:
            self.failure = error
            return size
        return written


def _fill(number: int) -> None:
    """Open a closed descriptor such that it can be read, and be written to as little as a closed one."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)  # gets the lowest free number: this one, for those below are open
        os.set_inheritable(number, True)


def _stream(number: int, like: Any) -> io.TextIOWrapper:
    raw = _Descriptor(number, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors=_SHOWN,
        line_buffering=getattr(like, "line_buffering", number == 2),
        write_through=getattr(like, "write_through", False),
    )


def _show(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write a file name's bytes as they are, and a character that the terminal has no code for as its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    error.end = error.start + 1
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


_SHOWN = "tf_lottery.shown"
codecs.register_error(_SHOWN, _show)
