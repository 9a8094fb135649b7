"""Criteria: a score for each prunable weight; the lowest go first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tf_lottery.pruning.masks import Kernel, Mask, Scores

# kernel, its mask, random numbers of this pruning -> a score for each weight, in an array of its own
Criterion = Callable[[Kernel, Mask, np.random.Generator], Scores]


def magnitude(kernel: Kernel, mask: Mask, generator: np.random.Generator) -> Scores:
    """Score a weight by its absolute value (Han et al. 2015; the authors' code, prune_functions.py)."""
    del mask, generator
    return np.abs(kernel)


def magnitude_over_std(kernel: Kernel, mask: Mask, generator: np.random.Generator) -> Scores:
    """Score a weight by its absolute value over the standard deviation of its kernel's kept weights.

    Han et al. 2015, section 3.1, prune a layer's weights below a quality parameter times the standard deviation of
    that layer: what this ranks all weights by is the quality parameter at which each goes. The paper does not say
    whether weights that are pruned already count; here they do not. Where all kept weights are equal, none goes at any
    quality.
    """
    del generator
    kept = kernel[mask != 0].astype(np.float64)
    deviation = kept.std() if kept.size else 0.0
    if not deviation > 0:
        return np.where(np.isnan(kernel), kernel, kernel.dtype.type(np.inf))
    return (np.abs(kernel) / deviation).astype(kernel.dtype)


def random(kernel: Kernel, mask: Mask, generator: np.random.Generator) -> Scores:
    """Score each weight by a uniform random number in [0, 1)."""
    del mask
    return generator.random(kernel.shape, np.float32)


CRITERIA: Mapping[str, Criterion] = {
    "magnitude": magnitude,
    "magnitude_over_std": magnitude_over_std,
    "random": random,
}
