"""The table of rules: what is known of each kind of layer. A kind that is not in it is a barrier.

By exact class: a subclass may do anything with its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.channels import joins, kernels, operators, passing, shapes
from tf_lottery.pruning.channels.graph import Call, Graph, Rule
from tf_lottery.pruning.channels.labels import NotFollowedError, Tensor

layers = keras.layers


def time_distributed(graph: Graph, layer: Any, call: Call) -> Tensor:
    """The rule of the layer in it, on each step; the steps are the second axis."""
    rule = RULES.get(type(layer.layer))
    if rule is None:
        raise NotFollowedError(f"no rule for {type(layer.layer).__name__}")
    step = _without_steps(graph, call.only)
    one = replace(call, inputs=[step], shapes=[(shape[0], *shape[2:]) for shape in call.shapes])
    output = rule(graph, layer.layer, one)
    _carry(graph, layer.layer, layer, ("layer", "config"))
    if not isinstance(output, Tensor):
        raise NotFollowedError("the layer in it has several outputs")
    if output.axis is None:
        return Tensor(shape=call.shapes[0])
    return call.output(output.labels, output.axis + 1)


def bidirectional(graph: Graph, layer: Any, call: Call) -> list[Tensor]:
    """Two recurrent layers; their k-th channels go together, for one number says how many both have."""
    both = layer.forward_layer, layer.backward_layer
    if any(RULES.get(type(each)) is not kernels.recurrent for each in both) or layer.return_state or layer.stateful:
        raise NotFollowedError("it is not a pair of recurrent layers, or it returns or keeps their states")
    ways = []
    for each, key in zip(both, ("layer", "backward_layer"), strict=True):
        shape = (*call.shapes[0][:-1], each.units)
        (output,) = kernels.recurrent(graph, each, replace(call, shapes=[shape]))
        _carry(graph, each, layer, (key, "config"))
        if key not in layer.get_config():  # the second is made from the first
            del graph.sizes[id(layer)][key, "config", "units"]
        ways.append(output.labels)
    graph.tie(*ways)
    if layer.merge_mode == "concat":
        return [call.output(np.concatenate(ways), -1)]
    return [Tensor(shape=shape, axis=len(shape) - 1, labels=ways[0]) for shape in call.shapes]


def _without_steps(graph: Graph, tensor: Tensor) -> Tensor:
    shape = (tensor.shape[0], *tensor.shape[2:])
    if tensor.axis is None:
        return Tensor(shape=shape)
    if tensor.axis == 1:
        graph.pin(tensor.labels)
        return Tensor(shape=shape)
    return Tensor(shape=shape, axis=tensor.axis - 1, labels=tensor.labels)


def _carry(graph: Graph, inner: Any, outer: Any, path: tuple[str, ...]) -> None:
    """Have the outer layer's configuration say what the rule said of that of the layer in it."""
    for key, value in graph.sizes.pop(id(inner), {}).items():
        graph.resize(outer, (*path, *key), value)
    if id(inner) in graph.made:
        graph.made[id(outer)] = outer.name, graph.made.pop(id(inner))[1]


RULES: Mapping[type, Rule] = {
    layers.Dense: kernels.dense,
    layers.Conv1D: kernels.convolution,
    layers.Conv2D: kernels.convolution,
    layers.Conv3D: kernels.convolution,
    layers.Conv1DTranspose: kernels.transposed_convolution,
    layers.Conv2DTranspose: kernels.transposed_convolution,
    layers.Conv3DTranspose: kernels.transposed_convolution,
    layers.DepthwiseConv1D: kernels.depthwise_convolution,
    layers.DepthwiseConv2D: kernels.depthwise_convolution,
    layers.SeparableConv1D: kernels.separable_convolution,
    layers.SeparableConv2D: kernels.separable_convolution,
    layers.Embedding: kernels.embedding,
    layers.SimpleRNN: kernels.recurrent,
    layers.GRU: kernels.recurrent,
    layers.LSTM: kernels.recurrent,
    layers.Bidirectional: bidirectional,
    layers.TimeDistributed: time_distributed,
    layers.BatchNormalization: passing.batch_normalization,
    layers.PReLU: passing.prelu,
    layers.Activation: passing.activation,
    layers.Softmax: passing.softmax,
    layers.Rescaling: passing.rescaling,
    layers.Dropout: passing.dropout,
    **dict.fromkeys(
        (
            layers.ReLU, layers.LeakyReLU, layers.ELU, layers.ThresholdedReLU, layers.ActivityRegularization,
            layers.GaussianNoise, layers.GaussianDropout,
        ),
        passing.elementwise,
    ),
    **dict.fromkeys(
        (
            layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D,
            layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D,
            layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D,
            layers.Cropping1D, layers.Cropping2D, layers.Cropping3D,
            layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D,
            layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D,
        ),
        passing.spatial,
    ),
    **dict.fromkeys(
        (
            layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D,
            layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D,
        ),
        passing.pooled,
    ),
    layers.Flatten: shapes.flatten,
    layers.Reshape: shapes.reshape,
    layers.Permute: shapes.permute,
    layers.RepeatVector: shapes.repeat_vector,
    layers.Add: joins.merged,
    layers.Subtract: joins.merged,
    layers.Multiply: joins.merged,
    layers.Average: joins.merged,
    layers.Maximum: joins.merged,
    layers.Minimum: joins.merged,
    layers.Concatenate: joins.concatenated,
    operators.TFOpLambda: operators.operator,
}  # fmt: skip
