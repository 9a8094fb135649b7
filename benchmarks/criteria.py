"""Pruning by criteria that look at examples: time on ResNet-20, and memory beside the weights of a large network."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.report import table

_EXAMPLES = 1000
_HEURISTICS = ("saliency", "taylor", "taylor_second_order", "obd", "grasp", "fisher", "synflow")
_UNITS, _LAYERS = 2500, 4  # of dense layers: 25 million weights, beside which a batch's activations are nothing


def report(*, rounds: int, quick: bool) -> str:
    """Measure each heuristic in a process of its own, whose memory holds nothing else, and return the table."""
    del rounds
    rows = []
    for heuristic in _HEURISTICS[1:2] if quick else _HEURISTICS:
        command = [sys.executable, "-m", "benchmarks.criteria", heuristic, "1" if quick else "0"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        copies = f"{found['copies']:.1f}" if heuristic != "synflow" else f"{found['copies']:.1f} (float64)"
        rows.append((heuristic, f"{found['seconds']:.1f}", "15", copies, "3"))
    network = "ResNet-20" if not quick else "ResNet-8"
    header = (f"prune {network} [s]", "aim, at most", "memory beside the weights [copies]", "aim, at most")
    return f"### Criteria over {_EXAMPLES:,} examples\n\n" + table(("heuristic", *header), rows)


def _measure(heuristic: str, *, quick: bool) -> dict[str, float]:
    import tf_lottery as tl
    from tf_lottery.lazy_tf import keras
    from tf_lottery.networks import registry

    generator = np.random.default_rng(0)
    images = generator.standard_normal((_EXAMPLES, 32, 32, 3), dtype=np.float32)
    labels = generator.integers(0, 10, _EXAMPLES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def prune(model: Any, data: Any) -> None:
        tl.prune(model, 0.2, heuristic=heuristic, data=data, loss=loss)

    def dense(units: int) -> tuple[Any, Any]:
        layers = [keras.layers.Dense(units, use_bias=False) for _ in range(_LAYERS)]
        few = generator.standard_normal((100, units), dtype=np.float32), labels[:100]
        return tl.prunable(keras.Sequential([keras.Input((units,)), *layers])), few

    prune(*dense(10))  # what TensorFlow itself takes when it runs for the first time
    units = _UNITS // 10 if quick else _UNITS
    large, few = dense(units)
    before = _peak()
    prune(large, few)
    copies = (_peak() - before) / (4 * _LAYERS * units**2)
    network = registry.find("resnet8" if quick else "resnet20").build(shape=(32, 32, 3), classes=10, l2=0.0)
    model = tl.prunable(network)
    began = time.perf_counter()
    prune(model, (images, labels))
    return {"seconds": time.perf_counter() - began, "copies": copies}


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on Linux


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], quick=sys.argv[2] == "1")))
