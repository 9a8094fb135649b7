"""All networks by name; `NAME_xWIDTH` is the same network with that many times the filters or units."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from tf_lottery.lookup import lookup, merge
from tf_lottery.networks import conv_lth, lenet, open_lth_lenet, resnet_cifar, vgg
from tf_lottery.networks.network import Network

NETWORKS = merge(
    "network", lenet.NETWORKS, resnet_cifar.NETWORKS, conv_lth.NETWORKS, vgg.NETWORKS, open_lth_lenet.NETWORKS
)

# Below, layers of one unit; above, ten thousand times the weights.
_LEAST_WIDTH, _MOST_WIDTH = 0.01, 100


def find(name: str) -> Network:
    """Return the network of this name, at its width: `find("resnet20_x0.5")` has half the filters.

    Raises:
        ValueError: Unknown name, or a width that is no plain number or out of bounds.
    """
    base, marked, text = name.rpartition("_x")
    network = lookup("network", NETWORKS, base if marked else name)
    width = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else 0.0
    if not marked:
        width = 1.0
    elif not _LEAST_WIDTH <= width <= _MOST_WIDTH:
        raise ValueError(
            f"network {name!r}: expected a width above 0, from {_LEAST_WIDTH} to {_MOST_WIDTH} and written such as "
            f"{base}_x0.5."
        )
    return replace(
        network,
        build=partial(network.build, width=width),
        kernel_shapes=network.kernel_shapes and partial(network.kernel_shapes, width=width),
        multiply_adds_per_pixel=network.multiply_adds_per_pixel * width**2,
    )
