"""Training images a second of every way to train a network: `python -m benchmarks training_speed`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.compare import Timing, compare, ratio
from benchmarks.contenders import registry
from benchmarks.contenders.registry import OURS, REFERENCE
from benchmarks.problem import PROBLEMS
from benchmarks.report import table

_HEAD = ("way to train", "images/s", "lowest to highest", f"against {REFERENCE}", "first run [s]", "pruned but not 0")


def report(problem_name: str, *, rounds: int, quick: bool) -> str:
    """Compare on one problem, and return the table and what is missing from it."""
    problem = PROBLEMS[problem_name]
    if quick:
        problem = replace(problem, steps=2, batch_size=32)
    rows_name = "DENSE_NETWORK" if problem_name == "lenet" else "CONVOLUTIONAL_NETWORK"
    rows = getattr(registry, rows_name)
    timings = compare(rows_name, rows, problem, rounds=rounds)
    lines = [
        f"### {problem.network} on {'x'.join(map(str, problem.shape))} images, batches of {problem.batch_size}, "
        f"{problem.steps} steps a run, {rounds} rounds",
        "",
        table(_HEAD, [_row(timing, timings) for timing in timings]),
    ]
    missing = [name for name, row in rows.items() if not row.is_here]
    if missing:
        lines += ["", f"Not installed here, so not measured: {', '.join(missing)}."]
    return "\n".join([*lines, "", _aims(problem_name, timings)])


def _row(timing: Timing, timings: Sequence[Timing]) -> tuple[str, ...]:
    speeds = timing.speeds
    return (
        timing.name,
        f"{statistics.median(speeds):,.0f}",
        f"{min(speeds):,.0f} to {max(speeds):,.0f}",
        f"{ratio(list(timings), timing.name, REFERENCE):.2f}",
        f"{timing.first_seconds:.1f}",
        "" if timing.masked_nonzero is None else f"{timing.masked_nonzero:,}",
    )


def _aims(problem_name: str, timings: list[Timing]) -> str:
    """Return the ratios that are aimed at, beside the aims."""
    here = {timing.name for timing in timings}
    aims: list[tuple[str, float]] = [("tf_lottery, dense", 0.97)]
    if problem_name == "lenet":
        aims += [(REFERENCE, 3.5), ("hand-written XLA loop, masked", 0.8)]
    else:
        aims += [(REFERENCE, 1.9), ("TF-MOT in fit, oneDNN off", 1.9), ("PyTorch, masked, channels last", 1.1)]
        aims += [("PyTorch, masked", 1.1)]
    rows = [
        (f"{OURS} / {other}", f"{ratio(timings, OURS, other):.2f}", f"{aim:g}") for other, aim in aims if other in here
    ]
    return table(("ratio of images/s, median of rounds", "measured", "aim"), rows)
