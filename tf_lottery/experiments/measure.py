"""What is measured of a trained network: accuracy, and density and FLOPs counted from its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from tf_lottery.experiments.results_row import WrongDensityError, environment_digest, identity
from tf_lottery.experiments.spec import RetrainSpec, Spec
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.dead_units import dead_units
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.prune import masks
from tf_lottery.training.engine import Engine


def measure(spec: Spec, engine: Engine, *, asked: int, environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of the trained network in the engine.

    Args:
        spec: What it is.
        engine: Holds it.
        asked: How many weights the masks kept when the stage began.
        environment: The engine's.

    Raises:
        WrongDensityError: The masks, or the weights, are not as many as the density asks for; where connections of
            dead units went too, they may be fewer.
    """
    kernels = {name: kernel.numpy() for name, kernel, _ in prunable_kernels(engine.model)}
    expected = _expected(spec, {name: kernel.shape for name, kernel in kernels.items()})
    nonzero = sum(int(np.count_nonzero(kernel)) for kernel in kernels.values())
    fewer = isinstance(spec, RetrainSpec) and spec.remove_dead_units and asked < expected
    if (asked != expected and not fewer) or nonzero > asked:
        raise WrongDensityError(
            f"{spec.name}: masks keep {asked} weights and {nonzero} are not zero; the density asks for {expected}. "
            "This is a fault of the software: please report it."
        )
    if nonzero < asked:
        logging.warning("%s: %d of the %d weights kept came out as exactly 0", spec.name, asked - nonzero, asked)
    test, validation, costs = engine.evaluate("test"), engine.evaluate("validation"), engine.flops()
    more = {"dead_units": dead_units(masks(engine.model))} if engine.is_chain else {}
    return (
        identity(spec)
        | more
        | {
            "status": "done",
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "validation_accuracy": validation.accuracy,
            "validation_loss": validation.loss,
            "flops": costs.effective,
            "dense_flops": costs.dense,
            "kept_weights": nonzero,
            "prunable_weights": sum(kernel.size for kernel in kernels.values()),
            "environment": environment_digest(environment),
            "environment_record": dict(environment),
        }
    )


def _expected(spec: Spec, shapes: Shapes) -> int:
    if not isinstance(spec, RetrainSpec):
        return sum(map(math.prod, shapes.values()))
    return heuristics.find(spec.heuristic, spec.layer_densities).kept(shapes, spec.density)
