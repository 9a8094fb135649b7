"""Ctrl-C that ends the process at once, also while a long TensorFlow call runs.

Python runs its own handler only between two bytecodes of the main thread, which may be seconds away. The store needs
no clean-up (a kill at any instant is safe), so a thread that the signal wakes says how to go on, and exits.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable

EXIT_STATUS = 128 + signal.SIGINT


def end_on_interrupt(farewell: Callable[[], None]) -> None:
    """From now on, SIGINT and SIGTERM call `farewell` in a thread and end the process. Call from the main thread."""
    wakes, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        while True:
            received = wakes.recv(1)
            if received and received[0] in (signal.SIGINT, signal.SIGTERM):
                farewell()
                os._exit(EXIT_STATUS)

    # The thread holds both ends of the pair as long as the process lives.
    threading.Thread(target=wait, name="interrupt", daemon=True).start()
    wait.woken = woken  # type: ignore[attr-defined]
