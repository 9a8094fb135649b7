"""All networks by name; `NAME_xWIDTH` is the same network with that many times the filters or units."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from tf_lottery.lookup import lookup, merge
from tf_lottery.networks import lenet, resnet_cifar
from tf_lottery.networks.network import Network

NETWORKS = merge("network", lenet.NETWORKS, resnet_cifar.NETWORKS)


def find(name: str) -> Network:
    """Return the network of this name, at its width: `find("resnet20_x0.5")` has half the filters.

    Raises:
        ValueError: Unknown name, or a width that is not above 0.
    """
    match = re.fullmatch(r"(?P<base>.+)_x(?P<width>\d+(\.\d+)?)", name)
    base, width = (match["base"], float(match["width"])) if match else (name, 1.0)
    if not width > 0:
        raise ValueError(f"network {name!r}: expected a width above 0, such as {base}_x0.5.")
    network = lookup("network", NETWORKS, base)
    return replace(
        network,
        build=partial(network.build, width=width),
        kernel_shapes=network.kernel_shapes and partial(network.kernel_shapes, width=width),
        multiply_adds_per_pixel=network.multiply_adds_per_pixel * width**2,
    )
