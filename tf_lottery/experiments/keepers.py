"""Keras callbacks that keep what a stage makes while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tf_lottery.experiments.background import BackgroundWriter
from tf_lottery.experiments.store import point_path
from tf_lottery.lazy_tf import keras
from tf_lottery.rewinding.schedules import Rates
from tf_lottery.training.engine import Engine
from tf_lottery.training.tensorboard_log import TensorBoardLog

Metrics = dict[str, Any]  # one epoch's row of metrics.csv: numbers, and `order` as text

METRICS = ("epoch", "step", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy", "order")
_NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "val_loss": "validation_loss",
    "val_accuracy": "validation_accuracy",
}


class PointKeeper(keras.callbacks.Callback):
    """Keeps the whole training state at some steps of a dense training."""

    def __init__(
        self, engine: Engine, writer: BackgroundWriter, folder: Path, ends: Sequence[int], points: frozenset[int]
    ) -> None:
        """Keep into `folder`, at those `ends` of epochs that are among `points`."""
        super().__init__()
        self._engine, self._writer, self._folder, self._ends, self._points = engine, writer, folder, ends, points

    def keep(self, step: int) -> None:
        """Keep the present state as that of this step."""
        self._writer.write(point_path(self._folder, step), self._engine.state(), {"step": step})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if (step := self._ends[epoch + 1]) in self._points:
            self.keep(step)


@dataclass(frozen=True, kw_only=True)
class Going:
    """What a stage needs to go on from where it was interrupted."""

    step: int
    history: list[Metrics]
    pruned: dict[str, float]  # pruned_share and removed_norm of a retraining's pruning: its rates may depend on them
    evaluations: list[Metrics] = field(default_factory=list)  # those between the ends of epochs


class EpochKeeper(keras.callbacks.Callback):
    """At each epoch's end: metrics, TensorBoard, progress, and now and then what a later run goes on from."""

    def __init__(
        self,
        *,
        engine: Engine,
        writer: BackgroundWriter,
        folder: Path,
        ends: Sequence[int],
        rates: Rates,
        batch_size: int,
        going: Going,
        environment: Mapping[str, Any],
        log: TensorBoardLog,
        report: Callable[[Metrics, float], None],
        checkpoint_seconds: float,
    ) -> None:
        """Append to the history; report each epoch's metrics and images per second."""
        super().__init__()
        self._engine, self._writer, self._folder, self._ends, self._rates = engine, writer, folder, ends, rates
        self._batch_size, self._history, self._environment = batch_size, going.history, dict(environment)
        self._pruned, self._evaluations = going.pruned, going.evaluations
        self._log, self._report, self._checkpoint_seconds = log, report, checkpoint_seconds
        self._began = self._checkpointed = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del epoch, logs
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        step = self._ends[epoch + 1]
        measured = {ours: _digits((logs or {})[theirs]) for theirs, ours in _NAMES.items()}
        where: Metrics = {"epoch": epoch + 1, "step": step, "learning_rate": _digits(self._rates[step - 1])}
        values = where | measured | {"order": self._engine.order(epoch)}
        metrics: Metrics = {name: values[name] for name in METRICS}
        self._history.append(metrics)
        self._log.epoch(metrics)
        now = time.monotonic()
        if now - self._checkpointed >= self._checkpoint_seconds:
            going: dict[str, Any] = {
                "step": step,
                "history": list(self._history),
                "environment": self._environment,
                "pruned": self._pruned,
            }
            if self._evaluations:
                going["evaluations"] = list(self._evaluations)
            self._writer.write(going_path(self._folder), self._engine.state(), going)
            self._checkpointed = now
        images = (step - self._ends[epoch]) * self._batch_size
        self._report(metrics, images / max(now - self._began, 1e-9))


def going_path(folder: Path) -> Path:
    """Return where a partial stage keeps what it goes on from."""
    return folder / "resume.safetensors"


def _digits(value: float) -> float:
    """Return a float32 with the digits that it has, so that a table shows 0.1 and not 0.10000000149."""
    return float(f"{float(value):.7g}")
