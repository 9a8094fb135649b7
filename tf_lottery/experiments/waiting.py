"""Saying for what one waits."""

from __future__ import annotations

import time
from collections.abc import Iterable

from absl import logging

from tf_lottery.experiments.store import Store

_SECONDS = 10.0


class Patience:
    """Says, once for each stage and after some seconds of waiting, who works on it, where and since when."""

    def __init__(self, store: Store) -> None:
        """Begin to wait."""
        self._store, self._began, self._told = store, time.monotonic(), set[str]()

    def begin_anew(self) -> None:
        """Forget how long it took, for something happened."""
        self._began = time.monotonic()

    def look(self, names: Iterable[str]) -> None:
        """Say who holds these stages, unless it is this command's own processes."""
        if time.monotonic() - self._began < _SECONDS:
            return
        self._began = time.monotonic()
        for name in names:
            holder = None if name in self._told else self._store.holder(name)
            if holder is not None and not holder.is_of_this_command:
                self._told.add(name)
                logging.warning("waiting for stage %s: %s", name, holder)
