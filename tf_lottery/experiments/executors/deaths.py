"""What to say of a worker process that ended before its work was done, and when to blame memory."""

from __future__ import annotations

import signal
from pathlib import Path

_COUNTERS = Path("/proc/vmstat")  # `oom_kill`: processes that Linux killed for lack of memory, in any container


class WorkerDiedError(Exception):
    """A worker process ended before the plan did."""


class OutOfMemoryKills:
    """Counts the processes that the kernel killed for lack of memory from now on."""

    def __init__(self) -> None:
        self._before = _kills()

    def since(self) -> int | None:
        """Return how many; None where the kernel does not say."""
        now = _kills()
        return None if now is None or self._before is None else now - self._before


def how_it_ended(exit_code: int, kills: OutOfMemoryKills) -> str:
    """Return the end of a sentence about a process, and what to do.

    Args:
        exit_code: As multiprocessing gives it: a signal's number below 0.
        kills: Begun before the process.
    """
    if exit_code >= 0:
        how = f"ended with status {exit_code}"
    else:
        try:
            name = f" ({signal.Signals(-exit_code).name})"
        except ValueError:
            name = ""  # one of the real-time signals
        how = f"was killed by signal {-exit_code}{name}"
    memory = ""
    if exit_code == -signal.SIGKILL and (count := kills.since()) != 0:
        few = "use fewer --workers, a smaller --batch_size or --input=stream"
        memory = f" Memory ran out: {few}." if count else f" If it was for lack of memory, {few}."
    return f"{how} before its work was done.{memory} Run the same command to go on."


def _kills() -> int | None:
    try:
        counters = dict(line.split() for line in _COUNTERS.read_text(encoding="ascii").splitlines())
        return int(counters["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None
