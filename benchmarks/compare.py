"""Contenders side by side: each in its own process, one at a time, in turn, several rounds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders.registry import Row
from benchmarks.problem import Problem

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one contender did."""

    name: str
    examples: int  # in one run
    first_seconds: float  # of the first run: tracing and compiling are in it
    seconds: tuple[float, ...]  # of each round

    masked_nonzero: int | None

    @property
    def speeds(self) -> list[float]:
        """Images a second, of each round."""
        return [self.examples / seconds for seconds in self.seconds]


class Worker:
    """A contender in a process of its own."""

    def __init__(self, rows: str, name: str, row: Row, problem: Problem, *, threads: int = 0) -> None:
        """Start it; with 0 threads it has what its framework takes by itself."""
        command = [sys.executable, "-m", "benchmarks.worker", rows, name, json.dumps(asdict(problem)), str(threads)]
        environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
        self.name, self.examples = name, problem.examples
        self._process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment | dict(row.environment),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, line: str) -> Any:
        """Send a line and return the answer; "run" answers with its seconds.

        Raises:
            RuntimeError: The process ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - by the arguments above
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker of {self.name!r} ended with status {self._process.wait()}.")
        return json.loads(answer)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def compare(rows_name: str, rows: Mapping[str, Row], problem: Problem, *, rounds: int) -> list[Timing]:
    """Time the rows whose framework is installed, in turn, after a first run that does not count.

    Raises:
        RuntimeError: A worker died.
    """
    workers: list[Worker] = []
    try:
        first: dict[str, float] = {}
        for name, row in rows.items():
            if row.is_here:
                own = replace(problem, steps=min(row.steps or problem.steps, problem.steps))
                workers.append(Worker(rows_name, name, row, own))
                first[name] = workers[-1].ask("run")  # one at a time from the start
        seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
        for _ in range(rounds):
            for worker in workers:
                seconds[worker.name].append(worker.ask("run"))
        return [
            Timing(
                name=worker.name,
                examples=worker.examples,
                first_seconds=first[worker.name],
                seconds=tuple(seconds[worker.name]),
                masked_nonzero=worker.ask("tell")["masked_nonzero"],
            )
            for worker in workers
        ]
    finally:
        for worker in workers:
            worker.end()


def ratio(timings: list[Timing], fast: str, slow: str) -> float:
    """Return how many times as fast one is as the other: the median over rounds of the ratio of their speeds."""
    by_name = {timing.name: timing.speeds for timing in timings}
    return statistics.median(a / b for a, b in zip(by_name[fast], by_name[slow], strict=True))
