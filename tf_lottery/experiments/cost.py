"""What a plan costs before it runs: epochs, and an estimate of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.plan import Stage
from tf_lottery.networks import registry as networks

# Multiply-adds, forward and backward, a second, and images a second however small the network: measured with
# LeNet-300-100 and ResNet-20 on two cores of an AMD EPYC (Zen 3). Used only where the store has no measurement.
_MULTIPLY_ADDS_PER_SECOND = 4.5e10
_IMAGES_PER_SECOND = 90_000.0
_SECONDS_PER_STAGE = 0.3


def epochs_of(stages: Sequence[Stage]) -> float:
    """Return how many epochs these stages train, all together."""
    return sum(float(stage.spec.epochs) for stage in stages)


def estimated_seconds(stages: Sequence[Stage], results: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the time that `stages` take on one process, by what finished ones took, else by a rule of thumb."""
    measured: dict[tuple[str, str], list[float]] = {}
    for result in results.values():
        if result.get("status") == "done" and result.get("epochs"):
            rate = result["wall_seconds"] / result["epochs"]
            measured.setdefault((result["network"], result["dataset"]), []).append(rate)
    seconds = 0.0
    for stage in stages:
        dense = stage.spec.dense
        rates = sorted(measured.get((dense.network, dense.dataset), []))
        per_epoch = rates[len(rates) // 2] if rates else _guess(stage)
        seconds += per_epoch * float(stage.spec.epochs) + (0 if rates else _SECONDS_PER_STAGE)
    return seconds


def _guess(stage: Stage) -> float:
    dense = stage.spec.dense
    height, width, _ = DATASETS[dense.dataset].shape
    multiply_adds = 3 * networks.find(dense.network).multiply_adds_per_pixel * height * width
    return dense.training.examples * (multiply_adds / _MULTIPLY_ADDS_PER_SECOND + 1 / _IMAGES_PER_SECOND)
