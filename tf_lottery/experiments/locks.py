"""Locks of stages: who holds one, where and since when; freed by the operating system when the holder dies."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from absl import logging
from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

# What flock says where the file system, or the way it is mounted, has no locks (flock(2); Lustre without -o flock).
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK}


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that works on a stage."""

    host: str
    namespace: str  # of process ids: in every container they count from 1
    process: int
    command: int  # the process that a user started: itself, or the parent of a worker
    since: float  # seconds since 1970

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.process} on {self.host} has been at it since {since}"

    @property
    def is_of_this_command(self) -> bool:
        """Whether it belongs to the command that this process belongs to."""
        me = present()
        return (self.host, self.namespace, self.command) == (me.host, me.namespace, me.command)


def present() -> Holder:
    """Return this process, from now on."""
    parent = multiprocessing.parent_process()
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return Holder(
        host=socket.gethostname(),
        namespace=namespace,
        process=os.getpid(),
        command=parent.pid if parent is not None and parent.pid else os.getpid(),
        since=time.time(),
    )


class Locks:
    """The locks of a store, one file for each stage."""

    def __init__(self, folder: Path) -> None:
        """Keep them in this folder."""
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the lock file of a stage."""
        return self.folder / f"{name.replace('/', '+')}.lock"

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Hold a stage's lock and yield True; yield False if somebody else holds it.

        Raises:
            OSError: The lock file cannot be made.
        """
        lock = self._kind(self.path(name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        told = self._holder_path(name)
        try:
            told.write_text(json.dumps(asdict(present())))
            yield True
        finally:
            told.unlink(missing_ok=True)
            lock.release()

    def holder(self, name: str) -> Holder | None:
        """Return who holds a stage's lock, None if nobody does, or it is not known."""
        path = self._holder_path(name)
        try:
            found = Holder(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        with self.claim(name) as mine:  # what a killed process wrote of itself is still there
            return None if mine else found

    def _holder_path(self, name: str) -> Path:
        return self.path(name).with_suffix(".json")

    @cached_property
    def _kind(self) -> type[BaseFileLock]:
        """The kind of lock that this file system has."""
        if os.name != "posix":
            return FileLock
        import fcntl

        with tempfile.TemporaryFile(dir=self.folder) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                logging.warning(
                    "the file system of %s has no locks (flock: %s). Files stand for them, which a killed run leaves "
                    "behind: remove those in %s if a run waits for a process that is no more.",
                    self.folder.parent,
                    error.strerror,
                    self.folder,
                )
                return SoftFileLock
        return FileLock
