"""Whether Keras' `BackupAndRestore` has put this `fit` back into the middle of an earlier one that was interrupted."""

from __future__ import annotations

from typing import Any


class Resumption:
    """Knows of one `fit`, wherever `BackupAndRestore` stands among its callbacks."""

    def __init__(self, model: Any) -> None:
        """Remember what an earlier, interrupted `fit` left on the model; to be made before training begins."""
        # BackupAndRestore deletes this of the model at the end, and then a `fit` without it fails (tf_keras 2.21).
        model._training_state = getattr(model, "_training_state", None)
        self._model, self._earlier = model, model._training_state

    def is_seen(self) -> bool:
        """Return whether a backup was restored; final from the first epoch's beginning on, until its end."""
        state = self._model._training_state
        if state is None or state is self._earlier:
            return False
        return state.read_checkpoint_manager.latest_checkpoint is not None
