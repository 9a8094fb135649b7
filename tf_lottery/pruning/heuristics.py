"""Every heuristic, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tf_lottery.pruning.by_filter import STRUCTURED_A, STRUCTURED_B, ByFilter
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.heuristic import Heuristic

HEURISTICS: Mapping[str, Heuristic] = {
    "global_magnitude": ByWeight(
        criterion="magnitude",
        scope="global",
        meaning="the smallest weights of the whole network go (the paper's)",
    ),
    "layer_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        meaning="the smallest weights of each layer go, each to the density",
    ),
    "global_quality": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        meaning="weights below one multiple of their layer's standard deviation go (Han et al. 2015)",
    ),
    "sensitivity": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        scan=tuple(step / 5 for step in range(1, 21)),
        meaning="as global_quality, each layer's multiple by a scan of it on validation data (Han et al. 2015)",
    ),
    "random": ByWeight(criterion="random", scope="global", meaning="weights go at random, over the whole network"),
    "structured_a": ByFilter(rates=STRUCTURED_A, meaning="the smallest filters of each layer go, few (ResNet-56, 110)"),
    "structured_b": ByFilter(
        rates=STRUCTURED_B, meaning="the smallest filters of each layer go, more (ResNet-56, 110)"
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
