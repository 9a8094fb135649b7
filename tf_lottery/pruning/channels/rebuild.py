"""A model made anew with those channels that stay."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_lottery.pruning.calls import Shape
from tf_lottery.pruning.channels.graph import Graph, Kept
from tf_lottery.pruning.channels.labels import Tensor
from tf_lottery.pruning.cloning import Sizes, clone, paired_weights
from tf_lottery.pruning.compilation import compile_alike
from tf_lottery.pruning.copies import copy_layer
from tf_lottery.pruning.wrapper import Masked

Axes = tuple[np.ndarray[Any, np.dtype[np.intp]] | None, ...]  # the indices of each axis that stay; None: all


def rebuilt(model: Any, graph: Graph, kept: Kept) -> Any:
    """Return the model with the channels that stay, their weights, masks, slots and states; compiled as it is."""

    def wrap(layer: Any, plain: Any) -> Any:
        return Masked(plain, name=layer.name, in_place=True) if isinstance(layer, Masked) else plain

    def cut(variable: Any, values: Any) -> Any:
        axes = kept_axes(variable, graph, kept)
        return values if all(indices is None for indices in axes) else cut_array(_array(values), axes)

    sizes = Sizes(
        copy=lambda layer, made: _copied(layer, made, graph, kept),
        input_shapes=lambda inside: _input_shapes(inside, graph, kept),
        cut=cut,
    )
    with model.distribute_strategy.scope():
        small = clone(model, wrap, sizes)
        compile_alike(model, small, paired_weights(model, small), cut)
    return small


def kept_axes(variable: Any, graph: Graph, kept: Kept) -> Axes:
    """Return which indices of a variable stay, along each axis."""
    labels = graph.axes.get(variable.ref(), {})
    found = [kept(labels[axis]) if axis in labels else None for axis in range(len(variable.shape))]
    return tuple(None if which is None or which.all() else np.flatnonzero(which) for which in found)


def cut_array(values: Any, axes: Axes) -> Any:
    """Return an array with these indices alone."""
    for axis, indices in enumerate(axes):
        if indices is not None:
            values = np.take(values, indices, axis)
    return values


def _array(values: Any) -> Any:
    return values.numpy() if hasattr(values, "numpy") else np.asarray(values)


def _copied(layer: Any, made: Mapping[int, Any], graph: Graph, kept: Kept) -> Any:
    """Return the layer anew; where its weights have other shapes, from a configuration that says so."""
    inputs = graph.called.get(id(layer), [])
    sizes = {path: value(kept) for path, value in graph.sizes.get(id(layer), {}).items()}
    is_cut = any(indices is not None for weight in layer.weights for indices in kept_axes(weight, graph, kept))
    if not sizes and not is_cut:
        return copy_layer(layer, made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of initial values that cannot be written down: they are not needed
        config = layer.get_config()
    if not is_cut and all(_entry(config, path) == value for path, value in sizes.items()):
        return copy_layer(layer, made)
    if any(_shrinks(tensor, kept) for tensor in inputs):
        config.pop("batch_input_shape", None)  # of before
    for path, value in sizes.items():
        *parents, last = path
        _entry(config, tuple(parents))[last] = value
    _forget_initial_arrays(config)
    return type(layer).from_config(config)


def _shrinks(tensor: Tensor, kept: Kept) -> bool:
    return not bool(kept(tensor.labels).all())


def _entry(config: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        config = config[key]
    return tuple(config) if isinstance(config, list) else config


def _forget_initial_arrays(config: Any) -> None:
    """Replace initial weights that are given as arrays: they have the shape of before, and the weights follow."""
    for name, value in config.items():
        if not isinstance(value, dict):
            continue
        if name.endswith("initializer") and not isinstance((value.get("config") or {}).get("value", 0), (int, float)):
            config[name] = "zeros"
        else:
            _forget_initial_arrays(value)


def _input_shapes(model: Any, graph: Graph, kept: Kept) -> list[Shape] | None:
    """Return the shapes of the inputs of a model inside; None if they stay as they are."""
    inputs = graph.called.get(id(model), [])
    if not any(_shrinks(tensor, kept) for tensor in inputs):
        return None
    return [_new_shape(tensor, kept) for tensor in inputs]


def _new_shape(tensor: Tensor, kept: Kept) -> Shape:
    return tuple(
        int(kept(tensor.labels).sum()) if axis == tensor.axis else size for axis, size in enumerate(tensor.shape)
    )
