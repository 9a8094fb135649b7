"""Rules of layers that arrange numbers in another shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tf_lottery.pruning.channels.graph import Call, Graph, Kept
from tf_lottery.pruning.channels.labels import Labels, NotFollowedError, Tensor
from tf_lottery.pruning.channels.passing import channel_axis


def flatten(graph: Graph, layer: Any, call: Call) -> Tensor:
    """Every number of an example in one axis; channels last, wherever they are before."""
    every = _every(call.only)
    if channel_axis(layer) == 1 and every.ndim > 1:
        every = np.moveaxis(every, 0, -1)
    return _arranged(graph, call, every)


def reshape(graph: Graph, layer: Any, call: Call) -> Tensor:
    """The same numbers in the same order; `target_shape` changes where its entry is of the channels."""
    tensor, target = call.only, tuple(layer.target_shape)
    known = None not in tensor.shape[1:]
    output = _arranged(graph, call, _every(tensor)) if known else _last_axis_as_it_was(tensor, call)
    if output.axis is not None:
        place, labels = output.axis - 1, output.labels

        def sized(kept: Kept) -> tuple[int, ...]:
            return tuple(
                int(kept(labels).sum()) if at == place and size != -1 else size for at, size in enumerate(target)
            )

        graph.resize(layer, ("target_shape",), sized)
    return output


def permute(graph: Graph, layer: Any, call: Call) -> Tensor:
    """The axes in another order."""
    del graph
    tensor = call.only
    if tensor.axis is None:
        return Tensor(shape=call.shapes[0])
    return call.output(tensor.labels, 1 + list(layer.dims).index(tensor.axis))


def repeat_vector(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[batch, channels] becomes [batch, n, channels]."""
    del layer
    return call.output(graph.along(call.only, 1), 2)


def _every(tensor: Tensor) -> Labels:
    """Return the label of each number of an example."""
    shape = tensor.shape[1:]
    if None in shape:
        raise NotFollowedError(f"sizes of {tensor.shape} are not known")
    sizes = [size for size in shape if size is not None]
    if tensor.axis is None:
        return np.zeros(sizes, np.intp)
    along = [1] * len(sizes)
    along[tensor.axis - 1] = -1
    return np.broadcast_to(tensor.labels.reshape(along), sizes)


def _arranged(graph: Graph, call: Call, every: Labels) -> Tensor:
    """Return the output, labelled along the axis that needs no ties; where there is none along the last, with ties.

    A channel goes with a whole slice of the output: all numbers of that go together.
    """
    sizes = [size for size in call.shapes[0][1:] if size is not None]
    if not sizes or math.prod(sizes) != every.size:
        raise NotFollowedError(f"the numbers of an example are not those of {call.shapes[0]}")
    every = every.reshape(sizes)
    axes = [axis for axis in reversed(range(every.ndim)) if _is_one_along(every, axis)]
    axis = axes[0] if axes else every.ndim - 1
    slices = np.moveaxis(every, axis, -1).reshape(-1, every.shape[axis])
    if not axes:
        for other in slices[1:]:
            graph.tie(slices[0], other)
    return Tensor(shape=(call.shapes[0][0], *every.shape), axis=axis + 1, labels=slices[0])


def _is_one_along(every: Labels, axis: int) -> bool:
    """Return whether labels are the same wherever one is along the other axes."""
    slices = np.moveaxis(every, axis, -1).reshape(-1, every.shape[axis])
    return bool((slices == slices[:1]).all())


def _last_axis_as_it_was(tensor: Tensor, call: Call) -> Tensor:
    """Return the output where sizes are not known, but the last axis is of the same numbers as before."""
    last = len(tensor.shape) - 1
    if tensor.axis != last or call.shapes[0][-1] != tensor.shape[-1]:
        raise NotFollowedError(f"sizes of {tensor.shape} are not known")
    return call.output(tensor.labels, -1)
