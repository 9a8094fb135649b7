"""Every heuristic, one row each."""

from __future__ import annotations

from collections.abc import Mapping

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
    "random": ByWeight(criterion="random", scope="global", meaning="weights go at random, over the whole network"),
    "structured_a": ByFilter(rates=STRUCTURED_A, meaning="the smallest filters of each layer go, few (ResNet-56, 110)"),
    "structured_b": ByFilter(
        rates=STRUCTURED_B, meaning="the smallest filters of each layer go, more (ResNet-56, 110)"
    ),
}
