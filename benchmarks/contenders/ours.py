"""tf_lottery's engine, as `run_experiment.py` drives it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.problem import Problem
from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.prune import prune
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws


class Ours:
    """One call of `Engine.train` a run: `model.fit` with its callbacks, and a validation on ten images."""

    def __init__(self, problem: Problem, *, density: float | None = None, **settings: Any) -> None:
        training = resolve(
            "lenet_fashion_mnist",
            examples=problem.examples,
            batch_size=problem.batch_size,
            epochs=1,
            learning_rate=problem.rate,
        )
        dataset = replace(DATASETS["mnist"], shape=problem.shape)
        train = Split(problem.images(), problem.labels())
        few = Split(train.images[:10], train.labels[:10])
        self._engine = Engine(
            find(problem.network), dataset, Splits(train, few, few), replace(training, l2=problem.l2), **settings
        )
        self._draws = Draws(seed=0, trial=1, depth=0)
        self._engine.put_fresh_state(self._draws, keep_masks=False)
        self._rates = np.full(problem.steps, problem.rate, np.float32)
        self._is_masked = density is not None
        if density is not None:
            prune(self._engine.model, density)

    def run(self) -> None:
        """Train one epoch."""
        ends = (0, len(self._rates))
        self._engine.train(rates=self._rates, ends=ends, from_step=0, draws=self._draws, callbacks=[])

    def masked_nonzero(self) -> int | None:
        """Count in the variables themselves."""
        if not self._is_masked:
            return None
        kernels = prunable_kernels(self._engine.model)
        return sum(int(np.count_nonzero(weight.numpy()[mask.numpy() == 0])) for _, weight, mask in kernels)
