"""What a person sees while stages run: one line per stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from tf_lottery.experiments.plan import Stage

_SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Tells of epochs and stages on stderr: a bar in a terminal, plain lines elsewhere."""

    def __init__(self, stages: Sequence[Stage], done: int) -> None:
        """Begin.

        Args:
            stages: The whole plan.
            done: How many of it are in the store already; they cost no time.
        """
        self._count, self._ended = len(stages), 0
        self._done_before = done
        self._epochs_left = 0.0
        self._epochs = {stage.name: float(stage.spec.epochs) for stage in stages}
        self._began, self._epochs_run = time.monotonic(), 0.0
        self._said = 0.0
        self._bar: tqdm[Any] | None = None
        self._is_terminal = sys.stderr.isatty()

    def expect(self, epochs: float) -> None:
        """Say how many epochs there are still to train."""
        self._epochs_left = epochs

    def epoch(self, stage: Stage, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Tell of one epoch of a stage in this process."""
        self._epochs_run += 1
        self._epochs_left = max(0.0, self._epochs_left - 1)
        density = getattr(stage.spec, "density", 1.0)
        text = (
            f"epoch {metrics['epoch']:g}/{stage.spec.epochs:g}  density {density:.4f}  validation accuracy "
            f"{100 * metrics['validation_accuracy']:.2f}%  {images_per_second:,.0f} images/s  {self._time_left()}"
        )
        if self._is_terminal:
            self._show(stage, text)
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            self._line(f"{_title(stage)}  {text}")

    def ended(self, stage: Stage, result: Mapping[str, Any]) -> None:
        """Tell that a stage is over, whoever did it."""
        self._close()
        self._ended += 1
        if self._ended <= self._done_before and result.get("status") == "done":
            return  # found done: nothing happened
        head = f"[{self._ended}/{self._count}] {_title(stage)}"
        if result["status"] == "done":
            density = result["kept_weights"] / result["prunable_weights"]
            self._line(
                f"{head}  density {density:.4f}  test accuracy {100 * result['test_accuracy']:.2f}%  "
                f"{result['wall_seconds']:.1f} s  {self._time_left()}"
            )
        else:
            self._line(f"{head}  {result['status'].upper().replace('_', ' ')}: {result['message']}")

    def _show(self, stage: Stage, text: str) -> None:
        if self._bar is None:
            self._bar = tqdm(bar_format="{desc}", leave=False, file=sys.stderr)
        self._bar.set_description_str(f"{_title(stage)}  {text}")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the one that speaks

    def _time_left(self) -> str:
        if not self._epochs_run:
            return ""
        seconds = (time.monotonic() - self._began) / self._epochs_run * self._epochs_left
        return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Return a time for people: 45 s, 12 min, 3.4 h, 2.1 days."""
    for limit, unit, size in ((100, "s", 1), (100 * 60, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}" if size < 3600 else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"


def _title(stage: Stage) -> str:
    spec = stage.spec
    return f"trial {spec.trial} {getattr(spec, 'technique', 'dense')}"
