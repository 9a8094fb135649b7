"""What a person sees while stages run: one line per stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from tf_lottery.experiments.plan import Stage

_SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Tells of epochs and stages on stderr: a bar in a terminal, plain lines elsewhere."""

    def __init__(self, stages: Sequence[Stage], done: Collection[str]) -> None:
        """Begin.

        Args:
            stages: The whole plan.
            done: Names of those that are in the store already; they cost no time.
        """
        self._count, self._ended = len(stages), set[str]()
        self._done = set(done)
        self._epochs_left = {stage.name: float(stage.spec.epochs) for stage in stages if stage.name not in self._done}
        self._began: float | None = None  # when the first epoch ended: imports and compilation are over then
        self._epochs_at_begin = 0.0
        self._said = 0.0
        self._bar: tqdm[Any] | None = None
        self._is_terminal = sys.stderr.isatty()

    def epoch(self, stage: Stage, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Tell of one epoch of a stage in this process."""
        self._epochs_left[stage.name] = max(0.0, stage.spec.epochs - metrics["epoch"])
        self._begin_clock()
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
        self._ended.add(stage.name)
        if stage.name in self._done:
            return  # found done: nothing happened
        self._epochs_left.pop(stage.name, None)
        self._begin_clock()
        head = f"[{len(self._ended)}/{self._count}] {_title(stage)}"
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

    def _begin_clock(self) -> None:
        if self._began is None:
            self._began, self._epochs_at_begin = time.monotonic(), sum(self._epochs_left.values())

    def _time_left(self) -> str:
        left = sum(self._epochs_left.values())
        run = self._epochs_at_begin - left
        if self._began is None or run <= 0:
            return ""
        return f"{duration((time.monotonic() - self._began) / run * left)} left"


def duration(seconds: float) -> str:
    """Return a time for people: 45 s, 12 min, 3.4 h, 2.1 days."""
    for limit, unit, size in ((100, "s", 1), (100 * 60, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}" if size < 3600 else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"


def _title(stage: Stage) -> str:
    spec = stage.spec
    return f"trial {spec.trial} {getattr(spec, 'technique', 'dense')}"
