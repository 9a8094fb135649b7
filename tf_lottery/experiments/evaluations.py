"""Evaluations between the ends of epochs, and the step at which one would have stopped by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.training.engine import Engine

Row = dict[str, Any]  # of evaluations.csv: numbers, None for what was not measured

EVALUATIONS = ("step", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
_TEST_EVERY = 10  # evaluations: test data are the larger split, and only needed where the validation loss is least


class EvaluatesSteps(keras.callbacks.Callback):
    """Evaluates after each multiple of so many steps, and after the last: on validation data each time.

    On test data where the validation loss is the least so far, at each tenth, and at the last. So the test accuracy at
    the early-stopping step, that of least validation loss, is known when the training ends, at the cost of few
    evaluations on test data.
    """

    def __init__(
        self, engine: Engine, *, every: int, last: int, history: list[Row], log: Callable[[Row], None]
    ) -> None:
        """Append rows to the history, which may have those before an interruption."""
        super().__init__()
        self._engine, self._every, self._last, self._history, self._log = engine, every, last, history, log
        self._steps: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        self._steps = self._engine.steps_after_pieces(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        step = self._steps[batch]
        is_new = not self._history or step > self._history[-1]["step"]  # pieces without steps fill an epoch up
        if is_new and (step % self._every == 0 or step == self._last):
            self._evaluate(step)

    def _evaluate(self, step: int) -> None:
        validation = self._engine.evaluate("validation")
        least = min((row["validation_loss"] for row in self._history), default=float("inf"))
        row: Row = {
            "step": step,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "test_loss": None,
            "test_accuracy": None,
        }
        if validation.loss < least or len(self._history) % _TEST_EVERY == _TEST_EVERY - 1 or step == self._last:
            test = self._engine.evaluate("test")
            row |= {"test_loss": test.loss, "test_accuracy": test.accuracy}
        self._history.append(row)
        self._log(row)


def outcome(history: Sequence[Mapping[str, Any]], engine: Engine, *, first: int) -> dict[str, Any]:
    """Return the columns of a stage's result that evaluations by step add.

    Args:
        history: Rows of evaluations.
        engine: Holds the network as it ended.
        first: The step of the dense training that the stage's weights are of: iterations count from initialisation.
    """
    best = min(history, key=lambda row: row["validation_loss"])  # of equals the first
    train = engine.evaluate("train")
    return {
        "train_accuracy": train.accuracy,
        "train_loss": train.loss,
        "early_stop_step": first + best["step"],
        "early_stop_test_accuracy": best["test_accuracy"],
        "early_stop_validation_loss": best["validation_loss"],
    }
