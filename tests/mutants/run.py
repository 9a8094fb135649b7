#!/usr/bin/env python3
"""How many of some hundred single faults do the tests beside the faulty file notice?

    python tests/mutants/run.py --count=200 --seed=0      # some hours on two cores; goes on where it was stopped
    python tests/mutants/run.py --list --under=tf_lottery/pruning
    python tests/mutants/run.py --only=1a2b3c4d
    python tests/mutants/run.py --named                   # those of named.py, each against the tests named there

Each fault is put into a copy of the repository, alone, and the tests of the mirrored folder run there until one fails.
TensorFlow is imported once and forked. Survivors that change nothing stand in survivors.md, each with its reason.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from mutants import Mutant, mutants_of
from named import NAMED

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 900  # a mutant that takes so much longer than three times what its tests take without it: it hangs


def main() -> None:
    """Run the mutants and say which live."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--under", default="", help="only files whose path begins so")
    parser.add_argument("--only", default="", help="names of mutants, with commas")
    parser.add_argument("--named", action="store_true", help="those made by hand, in named.py")
    parser.add_argument("--list", action="store_true", help="name them and run none")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "mutants.json", help="what is known already")
    asked = parser.parse_args()
    if asked.named:
        sys.exit(run_named(asked.only))
    chosen = choose(asked.count, asked.seed, asked.under, asked.only)
    if asked.list:
        print("\n".join(map(str, chosen)))
        return
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(asked.output.read_text()) if asked.output.exists() else {}
    preload()
    whole: dict[str, float] = {}  # seconds that tests take without a fault, by the last of them
    for mutant in chosen:
        if mutant.name not in known or asked.only:
            tests = tests_of(mutant.path)
            if tests[-1] not in whole:
                began = time.monotonic()
                verdict, printed = run(None, tests, seconds=math.inf)
                if verdict != "lives":
                    sys.exit(f"{printed}\nThe tests fail without a fault: {' '.join(tests)}")
                whole[tests[-1]] = time.monotonic() - began
            began = time.monotonic()
            verdict, printed = run(mutant, tests, seconds=SECONDS + 3 * whole[tests[-1]])
            known[mutant.name] = {"mutant": str(mutant), "verdict": verdict, "by": failed_of(printed)}
            asked.output.write_text(json.dumps(known, indent=1))
            by = known[mutant.name]["by"]
            print(f"{verdict:8} {time.monotonic() - began:4.0f} s  {mutant}  {by}".rstrip(), flush=True)
    lives = [mutant for mutant in chosen if known[mutant.name]["verdict"] == "lives"]
    explained = (Path(__file__).parent / "survivors.md").read_text()
    open_ = [mutant for mutant in lives if mutant.name not in explained]
    print(f"{len(chosen)} mutants, {len(chosen) - len(lives)} die, {len(lives) - len(open_)} change nothing, "
          f"{len(open_)} live:")  # fmt: skip
    print("\n".join(map(str, open_)))


def run_named(only: str) -> int:
    """Run the faults made by hand; return 1 if one lives."""
    preload()
    status = 0
    for name, fault in NAMED.items():
        if only in name:
            text = (ROOT / fault.path).read_text()
            if text.count(fault.old) != 1:
                sys.exit(f"{name}: {fault.path} has {fault.old!r} {text.count(fault.old)} times; expected once.")
            begin = text.index(fault.old)
            line = text[:begin].count("\n") + 1
            mutant = Mutant(fault.path, line, begin, begin + len(fault.old), fault.old, fault.new)
            verdict, _ = run(mutant, [fault.tests], seconds=2 * SECONDS)
            status |= verdict == "lives"
            print(f"{verdict:8} {name}  ({fault.tests})", flush=True)
    return status


def choose(count: int, seed: int, under: str, only: str) -> list[Mutant]:
    """Return mutants drawn at random from all files, so that longer files have more."""
    command = ["git", "ls-files", "tf_lottery/*.py", "paper_figures/*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    every = [mutant for name in names if name.startswith(under) for mutant in mutants_of(ROOT / name, ROOT)]
    if only:
        return [mutant for mutant in every if mutant.name in only.split(",")]
    return sorted(random.Random(seed).sample(every, min(count, len(every))), key=lambda each: (each.path, each.begin))


def tests_of(path: str) -> list[str]:
    """Return the tests that mirror a file: its own first, then the rest of its folder's."""
    parts = Path(path).with_suffix("").parts
    folder = Path("tests", *(parts[1:-1] if parts[0] == "tf_lottery" else parts[:-1]))
    own = folder / f"test_{parts[-1]}.py"
    while not (ROOT / folder).is_dir():  # tests of a folder inside another stand beside those of the other
        folder = folder.parent
    if folder == Path("tests"):
        return [str(own)] if (ROOT / own).exists() else ["tests/end_to_end"]
    others = [str(file.relative_to(ROOT)) for file in sorted((ROOT / folder).glob("**/test_*.py"))]
    return sorted(others, key=lambda name: name != str(own))


def preload() -> None:
    """Import what takes long, and run nothing of it: a process in which TensorFlow ran cannot be forked."""
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")
    for name in ("numpy", "pandas", "matplotlib.figure", "pytest", "sklearn.datasets", "tensorflow",
                 "tf_keras", "tensorflow_model_optimization"):  # fmt: skip
        __import__(name)


def failed_of(printed: str) -> str:
    """Return the test that failed, of what pytest printed; "" if it names none."""
    return "".join(re.findall(r"^(?:FAILED|ERROR) (\S+)", printed, re.MULTILINE)[:1])


def run(mutant: Mutant | None, tests: Sequence[str], *, seconds: float) -> tuple[str, str]:
    """Return "dies", "lives" or "hangs", and what the tests printed."""
    with tempfile.TemporaryDirectory() as folder:
        copy, log = Path(folder) / "copy", Path(folder) / "log"
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, tracked.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        if mutant:
            file = copy / mutant.path
            file.write_text(mutant.applied_to(file.read_text()))
        child = os.fork()
        if child == 0:
            os.setsid()
            _test(copy, tests, log)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return "dies" if os.waitstatus_to_exitcode(status) else "lives", log.read_text(errors="replace")
            time.sleep(0.2)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "hangs", log.read_text(errors="replace")


def _test(copy: Path, tests: list[str], log: Path) -> None:
    """Be the child: run the tests in the copy and exit with pytest's status."""
    status = 3
    try:
        os.chdir(copy)
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.path[:] = [str(copy), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
        sys.dont_write_bytecode = True
        os.environ["PYTHONPATH"] = str(copy)
        import pytest

        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]))
    except BaseException:  # noqa: BLE001 - whatever it is, it belongs into the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
