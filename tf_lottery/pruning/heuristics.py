"""Every heuristic, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tf_lottery.pruning.by_filter import STRUCTURED_A, STRUCTURED_B, ByFilter
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.criterion import Examples
from tf_lottery.pruning.heuristic import Heuristic

# Of a trained network gradients are small and noisy: one batch would rank noise.
_MANY = Examples(count=1000, batch=100)
_EACH = Examples(count=1000, batch=1)

HEURISTICS: Mapping[str, Heuristic] = {
    "global_magnitude": ByWeight(
        criterion="magnitude",
        scope="global",
        does="the smallest weights of the whole network go (the paper's)",
    ),
    "layer_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        does="the smallest weights of each layer go, each to the density",
    ),
    "global_quality": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        does="weights below one multiple of their layer's standard deviation go (Han et al. 2015)",
    ),
    "sensitivity": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        scan=tuple(step / 5 for step in range(1, 21)),
        does="as global_quality, each layer's multiple by a scan of it on validation data (Han et al. 2015)",
    ),
    "random": ByWeight(criterion="random", scope="global", does="weights go at random, over the whole network"),
    "structured_a": ByFilter(rates=STRUCTURED_A, meaning="the smallest filters of each layer go, few (ResNet-56, 110)"),
    "structured_b": ByFilter(
        rates=STRUCTURED_B, meaning="the smallest filters of each layer go, more (ResNet-56, 110)"
    ),
    "layer_random": ByWeight(criterion="random", scope="layer", does="weights go at random, each layer to the density"),
    "erk_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="erk",
        does="the smallest weights of each layer go, layers to densities by Erdos-Renyi-Kernel",
    ),
    "half_output_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="half_output",
        does="the smallest weights of each layer go, the output layer at half the rate (the lottery ticket paper's)",
    ),
    "normalised_magnitude": ByWeight(
        criterion="magnitude",
        scope="normalised",
        does="the smallest weights over the norm of their layer's go (jaxpruner's default)",
    ),
    "lamp": ByWeight(
        criterion="lamp",
        scope="global",
        does="the smallest go by their share in the weights of their layer that are as large or larger (LAMP)",
    ),
    "saliency": ByWeight(
        criterion="saliency", scope="global", examples=_MANY, does="the smallest |w g| go, g the mean gradient"
    ),
    "snip": ByWeight(
        criterion="saliency",
        scope="global",
        examples=Examples(count=100, batch=100),
        does="the smallest |w g| go (SNIP's score)",
    ),
    "taylor": ByWeight(
        criterion="taylor", scope="global", examples=_MANY, does="the smallest (w g)^2 go (Taylor, first order)"
    ),
    "taylor_second_order": ByWeight(
        criterion="taylor_second_order",
        scope="global",
        examples=_MANY,
        does="the smallest (w g - w (H w) / 2)^2 go (Taylor, second order)",
    ),
    "fisher": ByWeight(
        criterion="fisher", scope="global", examples=_EACH, does="the smallest w^2 E[g^2] / 2 go (diagonal Fisher)"
    ),
    "obd": ByWeight(
        criterion="obd", scope="global", examples=_MANY, does="the smallest w^2 h / 2 go (optimal brain damage)"
    ),
    "grasp": ByWeight(
        criterion="grasp",
        scope="global",
        examples=Examples(count=1000, batch=250),
        does="the lowest w (H g) go (GraSP's score)",
    ),
    "synflow": ByWeight(
        criterion="synflow",
        scope="global",
        rounds=100,
        does="the smallest |w dR/dw| go, in 100 rounds, without data (SynFlow)",
    ),
}


def find(name: str, layer_densities: Iterable[tuple[str, float]] = ()) -> Heuristic:
    """Return the row of this name, to the densities of each kernel if there are any.

    Args:
        name: Of a row.
        layer_densities: (kernel, density), for a heuristic that prunes each layer on its own.

    Raises:
        ValueError: Densities by layer for a heuristic that does not prune by layer.
    """
    row, densities = HEURISTICS[name], tuple((kernel, density) for kernel, density in layer_densities)
    if not densities:
        return row
    if not isinstance(row, ByWeight) or row.scope != "layer":
        by_layer = [name for name, row in HEURISTICS.items() if isinstance(row, ByWeight) and row.scope == "layer"]
        raise ValueError(f"{name} does not prune by layer; expected, for densities by layer, {', '.join(by_layer)}.")
    return replace(row, layer_densities=densities)
