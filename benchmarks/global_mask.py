"""Global magnitude pruning of as many weights as a ResNet-50 has: time, and memory at the peak."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks.report import table
from tf_lottery.pruning.heuristics import HEURISTICS

_WEIGHTS = 25_502_912  # prunable, of the authors' ResNet-50
_LARGEST_KERNEL = 512 * 512 * 9


def report(*, rounds: int, quick: bool) -> str:
    """Measure in a process of its own, whose memory holds nothing else, and return the table."""
    weights = _WEIGHTS // 100 if quick else _WEIGHTS
    command = [sys.executable, "-m", "benchmarks.global_mask", str(weights), str(rounds)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = (
        ("choosing the masks [s]", f"{statistics.median(found['seconds']):.2f}", "0.5"),
        ("the same by a full sort [s]", f"{statistics.median(found['sort_seconds']):.2f}", ""),
        ("memory at the peak, the weights' own included [copies of them]", f"{found['copies']:.2f}", "3"),
    )
    return f"### Global magnitude over {weights:,} weights\n\n" + table(("what", "measured", "aim, at most"), rows)


def _measure(weights: int, rounds: int) -> dict[str, object]:
    generator = np.random.default_rng(0)
    before = _peak()
    sizes = [_LARGEST_KERNEL] * (weights // _LARGEST_KERNEL) + [weights % _LARGEST_KERNEL]
    kernels = {f"{place}": generator.standard_normal(size, dtype=np.float32) for place, size in enumerate(sizes)}
    masks = {name: np.ones(kernel.shape, np.uint8) for name, kernel in kernels.items()}
    seconds, sort_seconds = [], []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        chosen = list(HEURISTICS["global_magnitude"].choose(kernels=kernels, masks=masks, density=0.2, seed=0).values())
        seconds.append(time.perf_counter() - began)
    copies = (_peak() - before) / (4 * weights)
    for _ in range(rounds):
        began = time.perf_counter()
        flat = np.abs(np.concatenate(list(kernels.values())))
        kept = np.argsort(-flat, kind="stable")[: sum(int(mask.sum()) for mask in chosen)]
        sort_seconds.append(time.perf_counter() - began)
        if not np.concatenate(chosen)[kept].all():
            raise RuntimeError("the masks are not those of a full sort.")
    return {"seconds": seconds[1:], "sort_seconds": sort_seconds, "copies": copies}


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on Linux


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(int(sys.argv[1]), int(sys.argv[2]))))
