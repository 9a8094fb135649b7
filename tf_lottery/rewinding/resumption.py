"""Whether Keras' `BackupAndRestore` has put this `fit` back into the middle of an earlier one that was interrupted."""

from __future__ import annotations

from typing import Any


class Resumption:
    """Knows of one `fit`, wherever `BackupAndRestore` stands among its callbacks."""

    def __init__(self, model: Any) -> None:
        """Begin before the training does."""
        # BackupAndRestore makes this anew as the training begins, and leaves it behind when one is interrupted, or
        # deletes it: a `fit` without BackupAndRestore then begins in the middle, or fails (tf_keras 2.21).
        model._training_state = None
        self._model = model

    def is_seen(self) -> bool:
        """Return whether a backup was restored; final from the first epoch's beginning on, until its end."""
        state = self._model._training_state
        return state is not None and state.read_checkpoint_manager.latest_checkpoint is not None
