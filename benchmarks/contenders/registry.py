"""All contenders by name: how each is made in its worker process, and in which environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a comparison."""

    make: Callable[[Problem], Any]  # imports what it needs: a worker has one framework
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: str = "tensorflow"
    steps: int | None = None  # of one run, where all of the problem's would take minutes

    @property
    def is_here(self) -> bool:
        """Say whether the framework is installed."""
        return importlib.util.find_spec(self.needs) is not None


def _ours(**settings: Any) -> Callable[[Problem], Any]:
    def make(problem: Problem) -> Any:
        from benchmarks.contenders.ours import Ours

        own = dict(settings)
        masked = own.pop("masked")
        return Ours(problem, density=problem.density if masked else None, **own)

    return make


def _fit(steps: int = 1) -> Callable[[Problem], Any]:
    def make(problem: Problem) -> Any:
        from benchmarks.contenders.keras_fit import KerasFit

        return KerasFit(problem, steps_per_execution=steps)

    return make


def _tfmot(steps: int = 1) -> Callable[[Problem], Any]:
    def make(problem: Problem) -> Any:
        from benchmarks.contenders.keras_fit import TfMotFit

        return TfMotFit(problem, steps_per_execution=steps)

    return make


def _xla_loop(problem: Problem) -> Any:
    from benchmarks.contenders.xla_loop import XlaLoop

    return XlaLoop(problem)


def _torch(*, channels_last: bool) -> Callable[[Problem], Any]:
    def make(problem: Problem) -> Any:
        from benchmarks.contenders.pytorch import PyTorch

        return PyTorch(problem, channels_last=channels_last)

    return make


_OFF, _ON = {"TF_ENABLE_ONEDNN_OPTS": "0"}, {"TF_ENABLE_ONEDNN_OPTS": "1"}

OURS, REFERENCE = "tf_lottery, masked", "TF-MOT in fit"

DENSE_NETWORK: Mapping[str, Row] = {
    OURS: Row(make=_ours(masked=True), environment=_ON),
    "tf_lottery, dense": Row(make=_ours(masked=False), environment=_ON),
    "tf_lottery, masked, streamed": Row(make=_ours(masked=True, input_choice="stream"), environment=_ON),
    "Keras fit, dense": Row(make=_fit()),
    "Keras fit, dense, 64 steps a call": Row(make=_fit(64)),
    REFERENCE: Row(make=_tfmot()),
    "TF-MOT in fit, 64 steps a call": Row(make=_tfmot(64)),
    "hand-written XLA loop, masked": Row(make=_xla_loop),
    "PyTorch, masked": Row(make=_torch(channels_last=False), needs="torch"),
}

CONVOLUTIONAL_NETWORK: Mapping[str, Row] = {
    OURS: Row(make=_ours(masked=True), environment=_ON),
    "tf_lottery, dense": Row(make=_ours(masked=False), environment=_ON),
    "tf_lottery, masked, streamed": Row(make=_ours(masked=True, input_choice="stream"), environment=_ON),
    "tf_lottery, masked, oneDNN off": Row(make=_ours(masked=True), environment=_OFF),
    "Keras fit, dense": Row(make=_fit(), environment=_ON),
    "Keras fit, dense, oneDNN off": Row(make=_fit(), environment=_OFF),
    "Keras fit, dense, 64 steps a call": Row(make=_fit(64), environment=_ON),
    REFERENCE: Row(make=_tfmot()),
    "TF-MOT in fit, oneDNN on": Row(make=_tfmot(), environment=_ON),
    "TF-MOT in fit, oneDNN off": Row(make=_tfmot(), environment=_OFF),
    "hand-written XLA loop, masked": Row(make=_xla_loop, steps=1),
    "PyTorch, masked": Row(make=_torch(channels_last=False), needs="torch"),
    "PyTorch, masked, channels last": Row(make=_torch(channels_last=True), needs="torch"),
}
