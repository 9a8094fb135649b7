"""Signals that end a command: Ctrl-C, `kill`, a closed terminal. No traceback; the status is 128 plus the number.

One that is ignored when the command begins stays ignored: it runs under `nohup`, or behind a script's `&`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from types import FrameType

from tf_lottery.scratch import end_now

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(SystemExit):
    """A signal that asks the command to end; `code` is the exit status."""


def end_at_once() -> None:
    """From now on a signal ends the process between two bytecodes. For its beginning: there is nothing to clean up."""
    _handle(_end)


def end_at_once_in_long_calls(farewell: str) -> None:
    """From now on a signal ends the process even while a long TensorFlow call runs, after saying farewell on stderr.

    Python runs its own handlers only between two bytecodes of the main thread, which may be seconds away. The store
    needs no clean-up (a kill at any instant is safe), so a thread that the signal wakes ends the process. Call from
    the main thread.
    """
    wakes, woken = socket.socketpair()
    woken.setblocking(False)
    # The thread may find stderr locked by the main thread, or descriptor 2 put aside.
    stderr = os.dup(2)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    _handle(lambda *_: None)

    def wait() -> None:
        while number := wakes.recv(1)[0]:
            if number in _SIGNALS:
                with suppress(OSError):
                    os.write(stderr, f"\n{farewell}\n".encode())
                end_now(128 + number)

    # The thread holds both ends of the pair as long as the process lives.
    threading.Thread(target=wait, name="interrupt", daemon=True).start()
    wait.woken = woken  # type: ignore[attr-defined]


def unwind() -> None:
    """From now on a signal raises `Interrupted` in the main thread, so that files half written go; a second ends."""
    signal.set_wakeup_fd(-1)
    _handle(_raise)


def _handle(handler: signal._HANDLER) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    end_now(128 + number)


def _raise(number: int, _: FrameType | None) -> None:
    _handle(_end)
    raise Interrupted(128 + number)
