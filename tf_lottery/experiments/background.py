"""Writing checkpoints while the training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays


class BackgroundWriter:
    """Writes checkpoints in a thread, one after the other, in the order asked for; at most one waits in memory.

    Leaving its `with` block waits for the last one. What a write raises, such as a full disk's OSError, is raised by
    the next call or at the end of the block.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoints")
        self._under_way: Future[None] | None = None

    def write(self, path: Path, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
        """Write what `checkpoint.write` does, later; nobody may change the arrays or metadata after."""
        self.wait()
        self._under_way = self._thread.submit(checkpoint.write, path, arrays, metadata)

    def wait(self) -> None:
        """Return when all is written."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True)
        if error is None:  # else the first error is the one to tell
            self.wait()
