"""Densities by layer: names are looked up, values checked, and what they make of the whole network is counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tf_lottery.arguments import number
from tf_lottery.lookup import nearest
from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.heuristic import Shapes


def of_kernels(densities: Any, kernels: Sequence[str]) -> dict[str, float]:
    """Return the densities by kernel.

    Args:
        densities: By the name of a kernel, `logits/kernel`, or of its layer, `logits`; each in (0, 1].
        kernels: Names of all there are.

    Raises:
        TypeError: No mapping, or no numbers.
        ValueError: An unknown layer, or a density out of range.
    """
    if not isinstance(densities, Mapping):
        raise TypeError(f"layer densities are {densities!r}; expected a mapping such as {{'{kernels[-1]}': 0.2}}.")
    by_layer = {kernel.rpartition("/")[0]: kernel for kernel in kernels} | {kernel: kernel for kernel in kernels}
    found = {}
    for name, value in densities.items():
        if name not in by_layer:
            layers = [kernel.rpartition("/")[0] or kernel for kernel in kernels]
            raise ValueError(f"no layer {name!r}.{nearest(str(name), layers)} Known: {', '.join(layers)}.")
        density = number(f"density of {name}", value)
        if not 0 < density <= 1:
            raise ValueError(f"density of {name} is {density:g}; expected above 0 and at most 1.")
        found[by_layer[name]] = density
    return found


def of_network(densities: Mapping[str, float], shapes: Shapes) -> float:
    """Return the density of a network each of whose kernels has its own."""
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    return sum(kept_count(size, densities[name]) for name, size in sizes.items()) / sum(sizes.values())
