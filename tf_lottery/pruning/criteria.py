"""Criteria, one row each: a score for each prunable weight; the lowest go first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tf_lottery.pruning.criterion import Criterion, Seen
from tf_lottery.pruning.masks import Kernel, Mask, Scores


def _magnitude(seen: Seen) -> Scores:
    return np.abs(seen.kernel)


def magnitude_over_std(kernel: Kernel, mask: Mask) -> Scores:
    """Return |w| over the standard deviation of the kernel's kept weights.

    Han et al. 2015, section 3.1, prune a layer's weights below a quality parameter times the standard deviation of
    that layer: what this ranks all weights by is the quality parameter at which each goes. The paper does not say
    whether weights that are pruned already count; here they do not. Where all kept weights are equal, none goes at any
    quality.
    """
    kept = kernel[mask != 0].astype(np.float64)
    deviation = kept.std() if kept.size else 0.0
    if not deviation > 0:
        return np.where(np.isnan(kernel), kernel, kernel.dtype.type(np.inf))
    return (np.abs(kernel) / deviation).astype(kernel.dtype)


def _quality(seen: Seen) -> Scores:
    return magnitude_over_std(seen.kernel, seen.mask)


def _random(seen: Seen) -> Scores:
    return seen.generator.random(seen.kernel.shape, np.float32)


def _lamp(seen: Seen) -> Scores:
    """Return w^2 over the sum of the kernel's from the largest to this one; of equals the first counts as larger.

    So one weight of each kernel has 1, which no other can pass.
    """
    squares = np.square(seen.kernel, dtype=np.float64).ravel()
    order = np.argsort(-squares, kind="stable")
    scores = np.empty_like(squares)
    scores[order] = squares[order] / np.maximum(np.cumsum(squares[order]), np.finfo(np.float64).tiny)
    return scores.reshape(seen.kernel.shape)


def _saliency(seen: Seen) -> Scores:
    return np.abs(seen.kernel * seen.collected)


def _squared_saliency(seen: Seen) -> Scores:
    return np.square(seen.kernel) * seen.collected


def _half_squared_saliency(seen: Seen) -> Scores:
    return _squared_saliency(seen) / 2


def _gradient_flow(seen: Seen) -> Scores:
    return seen.kernel * seen.collected


def _as_collected(seen: Seen) -> Scores:
    return np.array(seen.collected)


CRITERIA: Mapping[str, Criterion] = {
    "magnitude": Criterion(
        score=_magnitude,
        meaning="|w|",
        source="Han et al. 2015; the authors' code, prune_functions.py",
    ),
    "magnitude_over_std": Criterion(
        score=_quality,
        meaning="|w| over the standard deviation of the layer's kept weights",
        source="Han et al. 2015, section 3.1 (the quality parameter)",
    ),
    "random": Criterion(score=_random, meaning="a uniform random number in [0, 1)", source="a control of all of them"),
    "lamp": Criterion(
        score=_lamp,
        meaning="w^2 over the sum of the layer's from the largest to this one",
        source="Lee et al. 2021 (LAMP); jaeho-lee/layer-adaptive-sparsity",
    ),
    "saliency": Criterion(
        score=_saliency,
        quantity="gradient",
        meaning="|w g|, g averaged over batches before the absolute value",
        source="Mozer & Smolensky 1989; Lee et al. 2019 (SNIP) at the initial weights; namhoonlee/snip-public",
    ),
    "taylor": Criterion(
        score=_squared_saliency,
        quantity="squared_gradient",
        meaning="mean (w g)^2 of batches: the squared change of the loss, to first order",
        source="Molchanov et al. 2019; NVlabs/Taylor_pruning, method 0",
    ),
    "taylor_second_order": Criterion(
        score=_as_collected,
        quantity="second_order",
        meaning="mean (w g - w (H w) / 2)^2 of batches: the same, to second order",
        source="Molchanov et al. 2019",
    ),
    "fisher": Criterion(
        score=_half_squared_saliency,
        quantity="squared_gradient",
        meaning="w^2 E[g^2] / 2, g of each example: OBD by the empirical Fisher matrix",
        source="Theis et al. 2018; Singh & Alistarh 2020 (WoodFisher, diagonal)",
    ),
    "obd": Criterion(
        score=_half_squared_saliency,
        quantity="hessian_diagonal",
        meaning="w^2 h / 2, h the Hessian's diagonal, estimated by random signs",
        source="LeCun et al. 1990 (optimal brain damage); Bekas et al. 2007 (the estimate)",
    ),
    "grasp": Criterion(
        score=_gradient_flow,
        quantity="hessian_gradient",
        meaning="w (H g): what the gradient's norm loses without it",
        source="Wang et al. 2020, their score's negative, no temperature; alecwangcq/GraSP",
    ),
    "synflow": Criterion(
        score=_saliency,
        quantity="synaptic_flow",
        meaning="|w dR/dw|, R the sum of outputs for ones, all weights absolute",
        source="Tanaka et al. 2020; ganguli-lab/Synaptic-Flow",
    ),
}
