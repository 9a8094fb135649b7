"""Benchmarks run and print their tables; what they measure is never tested."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.contenders.registry import OURS
from benchmarks.report import table

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


def test_every_benchmark_is_listed_and_an_unknown_one_is_answered():
    listed = run("--list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(BENCHMARKS)
    assert "unknown benchmark 'lenett'. Known: lenet" in run("lenett").stderr


def test_a_table_is_markdown_with_columns_of_one_width():
    lines = table(("a", "bcd"), (("xy", "1"), ("z", "22"))).splitlines()
    assert lines == ["| a  | bcd |", "|----|----:|", "| xy |   1 |", "| z  |  22 |"]


# What each prints, told by one of its words.
WORDS = {
    "lenet": "TF-MOT in fit",
    "stage_cost": "the rest",
    "global_mask": "full sort",
    "criteria": "taylor",
    "shrink": "resnet8_x0.5",
    "finished_plan": "to the final table",
    "figures": "a figure",
}


@pytest.mark.slow
def test_the_quick_mode_measures_every_way_that_is_installed():
    done = run("--quick", *WORDS)
    assert done.returncode == 0, done.stderr
    for word in (OURS, "hand-written XLA loop, masked", *WORDS.values()):
        assert word in done.stdout
    masked = re.search(rf"\| {OURS} .*\| +(\d+) \|", done.stdout)
    assert masked
    assert masked[1] == "0"  # a pruned weight is 0 after the last step
