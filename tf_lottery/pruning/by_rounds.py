"""Heuristics of the lottery ticket paper, which prune a share of what is left of each layer in each round; controls.

Frankle & Carbin 2019, Figure 2 and section 4. `ByWeight.after` has the densities after whole rounds.
"""

from __future__ import annotations

from collections.abc import Mapping

from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.heuristic import Heuristic
from tf_lottery.pruning.shuffled import Shuffled

_MAGNITUDE: Mapping[str, ByWeight] = {
    "conv_10_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="conv_10",
        does="the smallest weights of each layer go, convolutions and output layer at half the rate (Conv-2, Conv-4)",
    ),
    "conv_15_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="conv_15",
        does="the smallest weights of each layer go, convolutions at 3/4, the output layer at half the rate (Conv-6)",
    ),
    "output_kept_magnitude": ByWeight(
        criterion="magnitude",
        scope="global",
        spares_output=True,
        does="the smallest weights of all but the output layer go (the lottery ticket paper's ResNet-18, VGG-19)",
    ),
}
_RATES = ("half_output", "conv_10", "conv_15")
# Whose layers have densities of their own, as a control needs that draws as many weights of each at random.
DRAWN = {"layer_magnitude", *(f"{rates}_magnitude" for rates in _RATES)}


def heuristics(known: Mapping[str, Heuristic]) -> dict[str, Heuristic]:
    """Return these heuristics, and the controls of them and of the known ones that go by magnitude."""
    rows: dict[str, Heuristic] = dict(_MAGNITUDE)
    for rates in _RATES:
        does = f"weights go at random, of each layer as many as by {rates}_magnitude"
        rows[f"{rates}_random"] = ByWeight(criterion="random", scope="layer", layer_rates=rates, does=does)
    for name, row in {**known, **_MAGNITUDE}.items():
        if isinstance(row, ByWeight) and row.criterion == "magnitude":
            rows[name.replace("magnitude", "shuffled")] = Shuffled(of=row, name=name)
    return rows
