"""Rules of layers that hand channels on as they are, each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.pruning.channels.activations import why_mixing
from tf_lottery.pruning.channels.graph import Call, Graph
from tf_lottery.pruning.channels.labels import NotFollowedError, Tensor


def channel_axis(layer: Any) -> int:
    """Return the axis of the channels in what a layer reads: the last, or the first after the batch."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1


def elementwise(graph: Graph, layer: Any, call: Call) -> Tensor:
    """The same function of each number, along whatever axis the channels are."""
    del graph, layer
    return Tensor(shape=call.shapes[0], axis=call.only.axis, labels=call.only.labels)


def activation(graph: Graph, layer: Any, call: Call) -> Tensor:
    """As `elementwise`; channels stay unless the function is one of those."""
    if why := why_mixing(layer.activation):
        graph.keep(layer, call.only.labels, why)
    return elementwise(graph, layer, call)


def softmax(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Numbers that depend on all channels: these stay."""
    graph.keep(layer, call.only.labels, "it is a softmax of channels")
    return elementwise(graph, layer, call)


def dropout(graph: Graph, layer: Any, call: Call) -> Tensor:
    """As `elementwise`, unless the shape of the noise has the number of channels in it."""
    axis = call.only.axis
    if layer.noise_shape is not None and axis is not None and layer.noise_shape[axis] not in (None, 1):
        raise NotFollowedError("its noise_shape has the number of channels in it")
    return elementwise(graph, layer, call)


def rescaling(graph: Graph, layer: Any, call: Call) -> Tensor:
    """As `elementwise`, unless each channel has a scale of its own."""
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise NotFollowedError("it has a scale for each channel")
    return elementwise(graph, layer, call)


def spatial(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Moves or joins positions, not channels."""
    axis = channel_axis(layer)
    return call.output(graph.along(call.only, axis), axis)


def pooled(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Joins all positions: one number for each channel, whose axis is the only one left unless `keepdims`."""
    axis = channel_axis(layer)
    return call.output(graph.along(call.only, axis), axis if layer.keepdims else 1)


def batch_normalization(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Statistics of each channel."""
    axes = [axis % len(call.only.shape) for axis in np.ravel(layer.axis)]
    if len(axes) != 1:
        raise NotFollowedError("it has statistics of several axes")
    labels = graph.along(call.only, axes[0])
    for weight in layer.weights:
        if tuple(weight.shape) == (len(labels),):
            graph.axis(weight, 0, labels)
    return call.output(labels, axes[0])


def prelu(graph: Graph, layer: Any, call: Call) -> Tensor:
    """A slope for each number of an example; of size 1 along axes that share it."""
    tensor = call.only
    if tensor.axis is not None and layer.alpha.shape[tensor.axis - 1] != 1:
        graph.axis(layer.alpha, tensor.axis - 1, tensor.labels)
    return elementwise(graph, layer, call)
