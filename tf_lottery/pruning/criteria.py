"""Criteria: a score for each prunable weight; the lowest go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tf_lottery.pruning.masks import Kernel, Scores

# kernel, random numbers of this pruning -> a score for each weight, in an array of its own
Criterion = Callable[[Kernel, np.random.Generator], Scores]


def magnitude(kernel: Kernel, generator: np.random.Generator) -> Scores:
    """Score a weight by its absolute value (Han et al. 2015; the authors' code, prune_functions.py)."""
    del generator
    return np.abs(kernel)


def random(kernel: Kernel, generator: np.random.Generator) -> Scores:
    """Score each weight by a uniform random number in [0, 1)."""
    return generator.random(kernel.shape, np.float32)


CRITERIA: Mapping[str, Criterion] = {"magnitude": magnitude, "random": random}
