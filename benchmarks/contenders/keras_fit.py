"""Keras' `fit` on arrays, as most scripts have it, and TF-MOT's wrappers in it, as its guide shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problem import Problem
from tf_lottery.lazy_tf import keras, tfmot
from tf_lottery.networks.registry import find


class KerasFit:
    """The same network and optimizer, compiled and fitted with Keras alone."""

    def __init__(self, problem: Problem, *, steps_per_execution: int = 1) -> None:
        model = find(problem.network).build(shape=problem.shape, classes=problem.classes, l2=problem.l2)
        self._model = self._wrapped(model, problem)
        self._model.compile(
            keras.optimizers.SGD(problem.rate, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            steps_per_execution=min(steps_per_execution, problem.steps),
        )
        self._batch_size, self._x, self._y = problem.batch_size, problem.normalised(), problem.labels()

    def run(self) -> None:
        """Fit one epoch."""
        self._model.fit(self._x, self._y, batch_size=self._batch_size, verbose=0, callbacks=self._callbacks())

    def masked_nonzero(self) -> int | None:
        """Return None: it is dense."""
        return None

    def _wrapped(self, model: Any, problem: Problem) -> Any:
        del problem
        return model

    def _callbacks(self) -> list[Any]:
        return []


class TfMotFit(KerasFit):
    """TF-MOT's magnitude pruning at a constant sparsity, masks renewed every 100 steps: its guide's settings."""

    def _wrapped(self, model: Any, problem: Problem) -> Any:
        schedule = tfmot.sparsity.keras.ConstantSparsity(1 - problem.density, begin_step=0, frequency=100)
        return tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)

    def _callbacks(self) -> list[Any]:
        return [tfmot.sparsity.keras.UpdatePruningStep(), _CountBeforeRemasking()]

    def masked_nonzero(self) -> int | None:
        """Count after the last step, before the callback of the epoch's end masks once more."""
        return _CountBeforeRemasking.found


class _CountBeforeRemasking(keras.callbacks.Callback):
    found: int | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if batch == self.params["steps"] - 1:
            wrappers = [layer for layer in self.model.layers if hasattr(layer, "pruning_vars")]
            held = [(weight.numpy(), mask.numpy()) for layer in wrappers for weight, mask, _ in layer.pruning_vars]
            found = sum(int(np.count_nonzero(weight[mask == 0])) for weight, mask in held)
            # In a run of few steps it has not pruned anything yet.
            type(self).found = found if any((mask == 0).any() for _, mask in held) else None
