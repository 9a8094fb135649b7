"""Levels whose layers have densities of their own, and layers that are pruned and retrained by turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.layer_densities import of_network


@dataclass(frozen=True, kw_only=True)
class Level:
    """What one stage prunes to, and which layers it retrains."""

    density: float  # of the whole network
    layer_densities: tuple[tuple[str, float], ...] = ()  # (kernel, density); () for the heuristic to divide
    trained: Literal["all", "dense", "convolutional"] = "all"


def on_the_way(whole: Sequence[float], last: Mapping[str, float], shapes: Shapes) -> list[Level]:
    """Return the levels of a network whose layers are to have these densities at its last level.

    At each level each layer has come as far towards its own density as the network towards its, on a logarithmic
    scale, so that each loses the same share of what it has left at every level of equal share.

    Args:
        whole: The network's density at each level, descending; what it comes out as may differ in some weights.
        last: By kernel.
        shapes: Of every kernel.
    """
    levels = []
    for density in whole:
        far = math.log(density) / math.log(whole[-1]) if whole[-1] < 1 else 1.0
        # The last is exact: 0.08 ** 1.0 is, what comes of two logarithms may not be.
        own = {name: value if density == whole[-1] else value**far for name, value in last.items()}
        levels.append(Level(density=of_network(own, shapes), layer_densities=tuple(own.items())))
    return levels


def by_turns(levels: Sequence[Level], shapes: Shapes) -> list[Level]:
    """Return two levels for each: dense layers are pruned and retrained, then convolutions (Han et al. 2015, 3.4).

    Which of the two begins the paper leaves open but for its order of words: dense layers.
    """
    now = dict.fromkeys(shapes, 1.0)
    turns: list[Level] = []
    for level in levels:
        for trained in ("dense", "convolutional"):
            own = dict(level.layer_densities)
            now = now | {name: own[name] for name in shapes if (len(shapes[name]) == 2) == (trained == "dense")}
            turns.append(
                Level(
                    density=of_network(now, shapes),
                    layer_densities=tuple(now.items()),
                    trained="dense" if trained == "dense" else "convolutional",
                )
            )
    return turns
