"""Rules of layers that compute their channels from others through kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.pruning.channels.activations import why_mixing
from tf_lottery.pruning.channels.graph import Call, Graph
from tf_lottery.pruning.channels.labels import Labels, NotFollowedError, Tensor, Through
from tf_lottery.pruning.channels.passing import channel_axis


def dense(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[in, out] on the last axis."""
    rows = graph.axis(layer.kernel, 0, graph.along(call.only, -1))
    out = graph.axis(layer.kernel, 1)
    graph.read(rows, out, graph.nonzero(layer.kernel))
    graph.make(layer, "units", out, layer.kernel, 1)
    return _ended(graph, layer, call, out, -1)


def convolution(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[..., in / groups, out]; the k-th channels of all groups go together, so that groups stay equally large."""
    axis = channel_axis(layer)
    rows = _grouped(graph, graph.along(call.only, axis), layer.groups)
    out = graph.axis(layer.kernel, -1)
    _grouped(graph, out, layer.groups)
    graph.axis(layer.kernel, -2, rows)
    graph.read(rows, out, _flat(graph, layer.kernel))
    graph.make(layer, "filters", out, layer.kernel, -1)
    return _ended(graph, layer, call, out, axis)


def transposed_convolution(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[..., out, in]."""
    axis = channel_axis(layer)
    rows = graph.axis(layer.kernel, -1, graph.along(call.only, axis))
    out = graph.axis(layer.kernel, -2)
    graph.read(rows, out, _flat(graph, layer.kernel).T)
    graph.make(layer, "filters", out, layer.kernel, -2)
    return _ended(graph, layer, call, out, axis)


def depthwise_convolution(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[..., in, multiplier]: each channel becomes `multiplier` neighbours, which go with it."""
    axis = channel_axis(layer)
    channels = graph.axis(layer.depthwise_kernel, -2, graph.along(call.only, axis))
    return _ended(graph, layer, call, np.repeat(channels, layer.depth_multiplier), axis)


def separable_convolution(graph: Graph, layer: Any, call: Call) -> Tensor:
    """A depthwise kernel, then [..., in * multiplier, out]."""
    axis = channel_axis(layer)
    channels = graph.axis(layer.depthwise_kernel, -2, graph.along(call.only, axis))
    rows = graph.axis(layer.pointwise_kernel, -2, np.repeat(channels, layer.depth_multiplier))
    out = graph.axis(layer.pointwise_kernel, -1)
    graph.read(rows, out, _flat(graph, layer.pointwise_kernel))
    graph.make(layer, "filters", out, layer.pointwise_kernel, -1)
    return _ended(graph, layer, call, out, axis)


def embedding(graph: Graph, layer: Any, call: Call) -> Tensor:
    """[ids, out]; what the ids are computed from stays."""
    graph.pin(call.only.labels)
    out = graph.axis(layer.embeddings, 1)
    graph.make(layer, "output_dim", out, layer.embeddings, 1)
    return call.output(out, -1)


def recurrent(graph: Graph, layer: Any, call: Call) -> list[Tensor]:
    """Kernels [in, gates * out] and [out, gates * out]; states, given and returned, have the channels of the output."""
    states = len(layer.cell.state_size) if isinstance(layer.cell.state_size, (list, tuple)) else 1
    if len(call.inputs) not in (1, 1 + states) or call.kwargs.get("initial_state") is not None:
        raise NotFollowedError("it is called on constants, or on states that are not in the graph")
    if layer.stateful:
        for state, _ in zip(layer.states, range(states), strict=True):
            graph.axis(state, 1, _units(graph, layer.cell))
    sequence, *given = call.inputs
    out = _units(graph, layer.cell)
    _cell(graph, layer, graph.along(sequence, -1), out)
    for tensor in given:
        graph.tie(graph.along(tensor, 1), out)
    graph.make(layer, "units", out, layer.cell.kernel, 1)
    return [Tensor(shape=shape, axis=len(shape) - 1, labels=out) for shape in call.shapes]


def _units(graph: Graph, cell: Any) -> Labels:
    return graph.axis(cell.recurrent_kernel, 0)


def _cell(graph: Graph, layer: Any, inputs: Labels, out: Labels) -> None:
    cell = layer.cell
    gates = cell.kernel.shape[1] // cell.units
    rows = graph.axis(cell.kernel, 0, inputs)
    for kernel, sources in ((cell.kernel, rows), (cell.recurrent_kernel, out)):
        graph.axis(kernel, 1, np.tile(out, gates))
        graph.read(sources, out, np.any(graph.nonzero(kernel).reshape(-1, gates, cell.units), axis=1))
    if cell.use_bias:
        graph.axis(cell.bias, -1, np.tile(out, gates))
    for function in (cell.activation, cell.recurrent_activation if gates > 1 else None):
        if why := why_mixing(function):
            graph.keep(layer, out, why)


def _grouped(graph: Graph, labels: Labels, groups: int) -> Labels:
    """Tie the groups to one another, and return the labels of the first."""
    first, *others = labels.reshape(groups, -1)
    for other in others:
        graph.tie(first, other)
    return first


def _flat(graph: Graph, kernel: Any) -> Through:
    """Return whether anything in the last two axes of a kernel counts at any position."""
    through: Through = np.any(graph.nonzero(kernel).reshape(-1, *kernel.shape[-2:]), axis=0)
    return through


def _ended(graph: Graph, layer: Any, call: Call, out: Labels, axis: int) -> Tensor:
    """Return the output after the bias and the activation."""
    if layer.use_bias:
        graph.axis(layer.bias, 0, out)
    if why := why_mixing(layer.activation):
        graph.keep(layer, out, why)
    return call.output(out, axis)
