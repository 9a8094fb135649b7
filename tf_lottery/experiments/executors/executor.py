"""What an executor is: it takes the stages of a plan and returns when they are in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import Store


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How stages are run; nothing of it is in a stage's name."""

    data_dir: str | None = None
    download: bool = False
    jit: Literal["auto", "on", "off"] = "auto"
    input: Literal["auto", "memory", "stream"] = "auto"
    workers: int | None = None  # processes of the local executor; None: as many as are fastest
    checkpoint_seconds: float = 10.0  # an interrupted stage loses at most so much, and an epoch


class Reporter(Protocol):
    """Who is told of what happens."""

    def epoch(self, stage: Stage, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Tell of one epoch of a stage in this process."""

    def ended(self, stage: Stage, result: Mapping[str, Any]) -> None:
        """Tell that a stage is over, whoever did it."""


class Executor(Protocol):
    """Runs the stages of a plan; holds no state of its own."""

    def __call__(
        self, stages: Sequence[Stage], store: Store, execution: Execution, reporter: Reporter
    ) -> dict[str, dict[str, Any]]:
        """Return the result of every stage by name, when all are over."""
