"""All cores for one network, or a core for each of several: images a second, all processes together."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import replace

from benchmarks.compare import Worker
from benchmarks.contenders.registry import CONVOLUTIONAL_NETWORK, DENSE_NETWORK, OURS, Row
from benchmarks.problem import PROBLEMS, Problem
from benchmarks.report import table
from tf_lottery.cores import cores

_MOST_ROUNDS = 2  # each starts three processes anew


def report(*, rounds: int, quick: bool) -> str:
    """Measure both ways in turn for each network, and return the table."""
    rows = []
    seconds = 0.5 if quick else 6.0
    for problem in PROBLEMS.values():
        small = replace(problem, steps=2, batch_size=32) if quick else problem
        dense = problem.network.startswith("lenet")
        name, table_rows = (
            ("DENSE_NETWORK", DENSE_NETWORK) if dense else ("CONVOLUTIONAL_NETWORK", CONVOLUTIONAL_NETWORK)
        )
        ways: dict[tuple[int, int], list[float]] = {(1, cores()): [], (cores(), 1): []}
        for _ in range(min(rounds, _MOST_ROUNDS)):
            for (processes, threads), speeds in ways.items():
                speeds.append(_images_per_second(name, table_rows[OURS], small, processes, threads, seconds))
        one, several = (statistics.median(speeds) for speeds in ways.values())
        shape = "x".join(map(str, problem.shape))
        rows.append((f"{problem.network} on {shape}", f"{one:,.0f}", f"{several:,.0f}", f"{several / one:.2f}"))
    return f"### {cores()} cores, images/s of all processes together\n\n" + table(
        ("network", f"1 process, {cores()} threads", f"{cores()} processes, 1 thread", "ratio"), rows
    )


def _images_per_second(rows: str, row: Row, problem: Problem, processes: int, threads: int, seconds: float) -> float:
    workers = [Worker(rows, OURS, row, problem, threads=threads) for _ in range(processes)]
    try:
        for worker in workers:
            worker.ask("run")  # traces and compiles
        runs = [0] * processes
        began = time.perf_counter()

        def drive(number: int) -> None:
            while time.perf_counter() - began < seconds:
                workers[number].ask("run")
                runs[number] += 1

        drivers = [threading.Thread(target=drive, args=(number,)) for number in range(processes)]
        for driver in drivers:
            driver.start()
        for driver in drivers:
            driver.join()
        return sum(runs) * problem.examples / (time.perf_counter() - began)
    finally:
        for worker in workers:
            worker.end()
