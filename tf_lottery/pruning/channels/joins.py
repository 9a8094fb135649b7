"""Rules of layers that join several tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.pruning.calls import Shape
from tf_lottery.pruning.channels.graph import Call, Graph
from tf_lottery.pruning.channels.labels import NotFollowedError, Tensor


def merged(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Sums, products and the like of equal numbers of channels, or of one channel with all."""
    del layer
    return broadcast(graph, call.inputs, call.shapes[0])


def broadcast(graph: Graph, tensors: list[Tensor], shape: Shape) -> Tensor:
    """Return the channels of a function of numbers at equal places, axes counted from the end.

    Tensors with channels along this axis go together; one of size 1 there is read for each channel.
    """
    axis = _common_axis(tensors, shape)
    if axis is None:
        for tensor in tensors:
            graph.pin(tensor.labels)
        return Tensor(shape=shape)
    wide = [tensor for tensor in tensors if _size(tensor, axis) == shape[axis]]
    narrow = [tensor for tensor in tensors if _size(tensor, axis) != shape[axis]]
    labels = graph.along(wide[0], axis)
    for tensor in wide[1:]:
        graph.tie(labels, graph.along(tensor, axis))
    for tensor in narrow:
        if tensor.axis is not None and tensor.axis - len(tensor.shape) == axis:
            one = graph.along(tensor, axis)
            graph.read(one, labels, np.ones((1, len(labels)), np.bool_))
        else:
            graph.pin(tensor.labels)
    return Tensor(shape=shape, axis=axis % len(shape), labels=labels)


def concatenated(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Channels after channels; or the same channels at more positions, which are tied."""
    return joined(graph, call, layer.axis)


def joined(graph: Graph, call: Call, along: int) -> Tensor:
    """Return the tensors of a call one after another along an axis."""
    rank = len(call.shapes[0])
    along %= rank
    axis = next((tensor.axis for tensor in call.inputs if tensor.axis is not None), None)
    if axis is None:
        return Tensor(shape=call.shapes[0])
    parts = [graph.along(tensor, axis) for tensor in call.inputs]
    if axis == along:
        return call.output(np.concatenate(parts), axis)
    for part in parts[1:]:
        graph.tie(parts[0], part)
    return call.output(parts[0], axis)


def _common_axis(tensors: list[Tensor], shape: Shape) -> int | None:
    """Return along which axis, from the end, channels are followed; None if nothing has any."""
    axes = [
        tensor.axis - len(tensor.shape)
        for tensor in tensors
        if tensor.axis is not None and tensor.shape[tensor.axis] == shape[tensor.axis - len(tensor.shape)]
    ]
    if axes and any(_size(tensor, axes[0]) is None for tensor in tensors):
        raise NotFollowedError(f"sizes of {shape} are not known")
    return axes[0] if axes else None


def _size(tensor: Tensor, axis: int) -> int | None:
    """Return the size along an axis from the end; 1 if the tensor has no such axis."""
    return tensor.shape[axis] if -axis <= len(tensor.shape) else 1
