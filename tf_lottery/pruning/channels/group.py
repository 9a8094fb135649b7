"""A group of channels, as values: where each of them is made, scaled and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]  # [indices of an axis], which channel of the group each is of, -1 for none


@dataclass(frozen=True, kw_only=True)
class Map:
    """What a layer makes of its channels, where it is seen by those behind it."""

    axis: int  # of the channels, from 0, the batch first
    places: Places


@dataclass(frozen=True, kw_only=True)
class Group:
    """Channels that may go; channel k is that of all these places together."""

    size: int  # channels
    makers: Mapping[str, int]  # by the kernel's name: the axis along which it makes them
    places: Mapping[str, Mapping[int, Places]]  # by the kernel's name and axis; makers and readers
    scales: Mapping[str, Places] = field(default_factory=dict)  # by the name of a batch norm's scale
    maps: Mapping[int, Map] = field(default_factory=dict)  # by the id of the layer that makes it

    @property
    def name(self) -> str:
        """The layers that make the channels."""
        return "+".join(kernel.rpartition("/")[0] or kernel for kernel in self.makers)
