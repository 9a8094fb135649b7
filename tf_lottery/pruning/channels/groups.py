"""Groups of channels: those that the same layers make, each of which goes everywhere or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.channels.graph import Graph
from tf_lottery.pruning.channels.labels import PINNED, Labels
from tf_lottery.pruning.channels.shrink import nonzero_of
from tf_lottery.pruning.channels.walk import analysed

Places = npt.NDArray[np.intp]  # [indices of an axis], which channel of the group each is of, -1 for none


@dataclass(frozen=True, kw_only=True)
class Group:
    """Channels that may go; channel k is that of all these places together."""

    size: int  # channels
    makers: Mapping[str, int]  # by the kernel's name: the axis along which it makes them
    places: Mapping[str, Mapping[int, Places]]  # by the kernel's name and axis; makers and readers


def groups(model: Any, kernels: Mapping[str, Any]) -> list[Group]:
    """Return the groups of a prunable model, in the order in which its layers make them.

    Channels of the model's inputs and outputs, those beside a barrier, and those that a kernel without a mask reads are
    in none: masks could not make them go.

    Args:
        model: Of `prunable`.
        kernels: Its kernels with masks, by name.
    """
    graph = analysed(model, nonzero_of(model))
    named = {kernel.ref(): name for name, kernel in kernels.items()}
    for reference in graph.readers - named.keys():
        for labels in graph.axes[reference].values():
            graph.pin(labels)
    classes = graph.classes()
    made_by: dict[int, list[str]] = {}
    for reference, axis in graph.makers.items():
        if reference in named:
            for each in np.unique(classes[graph.axes[reference][axis]]):
                made_by.setdefault(int(each), []).append(named[reference])
    made_by.pop(PINNED, None)
    together: dict[tuple[str, ...], list[int]] = {}
    for each, makers in made_by.items():
        together.setdefault(tuple(makers), []).append(each)
    return [_group(graph, named, classes, makers, members) for makers, members in together.items()]


def _group(
    graph: Graph, named: Mapping[Any, str], classes: Labels, makers: tuple[str, ...], members: list[int]
) -> Group:
    channel = np.full(graph.count, -1, np.intp)  # by the class
    channel[members] = np.arange(len(members))
    places: dict[str, dict[int, Places]] = {}
    for reference, name in named.items():
        for axis, labels in graph.axes.get(reference, {}).items():
            found = channel[classes[labels]]
            if (found >= 0).any():
                places.setdefault(name, {})[axis] = found
    axes = {named[reference]: axis for reference, axis in graph.makers.items() if reference in named}
    return Group(size=len(members), makers={name: axes[name] for name in makers}, places=places)
