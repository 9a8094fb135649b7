"""Run benchmarks and print their tables: `python -m benchmarks --list`."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

# As run_experiment.py has it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import (
    criteria,
    figures,
    finished_plan,
    global_mask,
    processes,
    shrink,
    stage_cost,
    training_speed,
    wall_time,
)
from benchmarks.report import environment

Benchmark = Callable[..., str]  # rounds, quick -> what to print

BENCHMARKS: Mapping[str, tuple[Benchmark, str]] = {
    "lenet": (partial(training_speed.report, "lenet"), "LeNet-300-100 on 28x28, every way to train it"),
    "resnet": (partial(training_speed.report, "resnet"), "ResNet-20 on 32x32, every way to train it"),
    "resnet_8x8": (partial(training_speed.report, "resnet_8x8"), "ResNet-20 on 8x8, every way to train it"),
    "stage_cost": (stage_cost.report, "what a stage costs beside its steps, and how often anything is traced"),
    "global_mask": (global_mask.report, "global magnitude over 25.5 million weights: time and memory"),
    "criteria": (criteria.report, "pruning by criteria that look at 1,000 examples: time and memory"),
    "shrink": (shrink.report, "networks with fewer channels: parameters, FLOPs, latency; training on smaller layers"),
    "finished_plan": (finished_plan.report, "a plan of 10,000 stages that are all done"),
    "processes": (processes.report, "two cores: one process of two threads, or two of one"),
    "figures": (figures.report, "the paper's figures from the published data"),
    "wall_time": (wall_time.report, "the README's command, from nothing to the table"),
}


def main() -> int:
    """Run what was asked for, all of it if nothing was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; default: all of them")
    parser.add_argument("--list", action="store_true", help="print the names and what each measures")
    parser.add_argument("--quick", action="store_true", help="too short to measure anything: only to see that it runs")
    parser.add_argument("--rounds", type=int, default=5, help="each contender's timed runs [5]")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:14} {meaning}" for name, (_, meaning) in BENCHMARKS.items()))
        return 0
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {unknown[0]!r}. Known: {', '.join(BENCHMARKS)}")
    if arguments.rounds < 1:
        parser.error(f"--rounds={arguments.rounds}: expected 1 or more.")
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    print(f"# `{command}`\n\n{datetime.date.today():%Y-%m-%d}. {environment()}.", flush=True)
    for name in arguments.names or BENCHMARKS:
        measure, _ = BENCHMARKS[name]
        print(f"\n{measure(rounds=1 if arguments.quick else arguments.rounds, quick=arguments.quick)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
