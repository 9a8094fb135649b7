"""Child processes that leave signals of the terminal to their parent, and end with it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess

from tf_lottery.scratch import end_now


@contextmanager
def left_to_this_process() -> Iterator[None]:
    """Let processes that are started within this block never see what a terminal sends to all: they end with this one.

    SIGTERM they heed: multiprocessing ends them by it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})  # children inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill_together(processes: Collection[BaseProcess]) -> None:
    """Kill these children, all halted before the first ends: one that saw that would say so, with a traceback."""
    for process in processes:
        if process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
    for process in processes:
        process.kill()


def end_with_parent() -> None:
    """From now on end this process as soon as the one that started it ended, whichever way. For a process of spawn."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            end_now(1)

    threading.Thread(target=wait, name="end with parent", daemon=True).start()
