"""Units of a chain of layers that nothing enters, or nothing leaves: all their connections go (Han et al. 2015)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.masks import Mask

Alive = npt.NDArray[np.bool_]  # [units]


def without_dead_units(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return the masks without the connections of hidden units that have no input or no output left.

    That may take the last input or output of others, so it is done until nothing changes (Han et al. 2015, section
    3.5). A unit without inputs gives the constant of its bias, which goes with it: the network's outputs may change,
    and retraining makes up for it. In a unit without outputs nothing is lost.

    Args:
        masks: Of the kernels of a chain in the order of its layers, [..., inputs, outputs]: dense layers, convolutions
            (channels last), and dense layers that read a convolution's maps flattened.

    Raises:
        ValueError: The kernels are no chain.
    """
    new = {name: mask.copy() for name, mask in masks.items()}
    while True:
        before = kept(new)
        for (name, mask), (reader, reading) in itertools.pairwise(new.items()):
            alive = _entered(mask) & _left(name, mask, reader, reading)
            mask[..., ~alive] = 0
            _by_unit(reading, len(alive))[:, ~alive] = 0
        if kept(new) == before:
            return new


def dead_units(masks: Mapping[str, Mask]) -> int:
    """Return how many hidden units of a chain have no input or no output; arguments as `without_dead_units`."""
    pairs = itertools.pairwise(masks.items())
    return sum(int((~(_entered(mask) & _left(name, mask, *reader))).sum()) for (name, mask), reader in pairs)


def kept(masks: Mapping[str, Mask]) -> int:
    """Return how many weights masks keep."""
    return sum(int(np.count_nonzero(mask)) for mask in masks.values())


def _entered(mask: Mask) -> Alive:
    return np.asarray(mask.reshape(-1, mask.shape[-1]).any(axis=0))


def _left(name: str, mask: Mask, reader: str, reading: Mask) -> Alive:
    units = mask.shape[-1]
    if reading.ndim < 2 or reading.shape[-2] % units:
        raise ValueError(
            f"{reader} reads {reading.shape[-2:-1] or reading.shape} inputs, {name} has {units} outputs; expected the "
            "kernels of a chain, each of which reads what the one before it gives. Leave dead units where they are."
        )
    return np.asarray(_by_unit(reading, units).any(axis=(0, 2)))


def _by_unit(reading: Mask, units: int) -> Mask:
    """Return a view [positions, units, outputs] of the mask that reads these units; flattened maps stand last."""
    view = reading.view()
    view.shape = (-1, units, reading.shape[-1])  # raises, where a copy would be made and changes lost
    return view
