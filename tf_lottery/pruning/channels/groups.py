"""Groups of channels: those that the same layers make, each of which goes everywhere or nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.channels.graph import Graph
from tf_lottery.pruning.channels.group import Group, Map, Places
from tf_lottery.pruning.channels.labels import PINNED, Labels
from tf_lottery.pruning.channels.shrink import nonzero_of
from tf_lottery.pruning.channels.walk import analysed


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
    gammas = dict(batch_norm_scales(model))
    return [_group(graph, named, gammas, classes, makers, members) for makers, members in together.items()]


def batch_norm_scales(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the variable of each batch norm's scale; names are unique, as those of kernels."""
    seen: Counter[str] = Counter()
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and layer.scale:
            name = layer.gamma.name.removesuffix(":0")
            seen[name] += 1
            yield name if seen[name] == 1 else f"{name}#{seen[name]}", layer.gamma


def _group(
    graph: Graph,
    named: Mapping[Any, str],
    gammas: Mapping[str, Any],
    classes: Labels,
    makers: tuple[str, ...],
    members: list[int],
) -> Group:
    channel = np.full(graph.count, -1, np.intp)  # by the class
    channel[members] = np.arange(len(members))
    places: dict[str, dict[int, Places]] = {}
    for reference, name in named.items():
        for axis, labels in graph.axes.get(reference, {}).items():
            found = channel[classes[labels]]
            if (found >= 0).any():
                places.setdefault(name, {})[axis] = found
    scales = {
        name: channel[classes[graph.axes[gamma.ref()][0]]]
        for name, gamma in gammas.items()
        if 0 in graph.axes.get(gamma.ref(), {})
    }
    maps: dict[int, Map] = {}
    for reference in graph.makers:
        if named.get(reference) in makers:
            layer, tensor = graph.given[reference]
            if tensor.axis is not None:
                maps[id(layer)] = Map(axis=tensor.axis, places=channel[classes[tensor.labels]])
    axes = {named[reference]: axis for reference, axis in graph.makers.items() if reference in named}
    return Group(
        size=len(members),
        makers={name: axes[name] for name in makers},
        places=places,
        scales={name: found for name, found in scales.items() if (found >= 0).any()},
        maps=maps,
    )
