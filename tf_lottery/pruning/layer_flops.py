"""FLOPs of one call of a layer, by a formula for each kind of layer.

Products with a kernel that slides over positions (all convolutions, locally connected layers too) count a multiply-add
once; all other products of matrices (dense, recurrent, attention) count it twice. That is how the authors' published
counts come out (see `flops`), who have both in their networks; the kinds that they have not follow their next of kin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf, tfmot_wrapper
from tf_lottery.pruning.calls import Call
from tf_lottery.pruning.flop_counts import Flops, always, product, size, times

layers = keras.layers


def count(call: Call, counted: set[int]) -> Flops:
    """Return the FLOPs of a call for all its examples together, those of the calls inside it included.

    Args:
        call: Of a layer or model.
        counted: Gets the `id` of each weight that a formula knows.

    Raises:
        ValueError: A size that a formula needs is not known.
    """
    layer = call.layer
    if isinstance(layer, tfmot_wrapper.PruneLowMagnitude) and not any(each.layer is layer.layer for each in call.inner):
        layer = layer.layer  # TF-MOT's own wrapper passes the layer's __call__ by
    repeated = _LOOPS.get(next((kind for kind in type(layer).__mro__ if kind in _LOOPS), None))
    formula = _formula(layer)
    if formula:
        counted.update(id(weight) for weight in layer.weights)
        own = formula(layer, call)
    elif repeated:
        return repeated(layer, call, counted)
    else:
        # A wrapper shows the activation of the layer inside it, whose call counts it.
        own = always(0 if isinstance(layer, layers.Wrapper) else _rectified(layer, call))
    return sum((count(each, counted) for each in call.inner), start=own)


def _formula(layer: Any) -> Callable[[Any, Call], Flops] | None:
    """Return the formula of the layer's class, or of a base if the class computes as its base does."""
    kinds: Any = type(layer).__mro__
    for kind in kinds:
        if kind in _NORMALISATIONS:
            return lambda _, call: always(2 * size(call, call.outputs))
        if kind in _FORMULAS:
            return _FORMULAS[kind] if type(layer).call is kind.call else None
    return None


def _dense(layer: Any, call: Call) -> Flops:
    return product(layer.kernel, 2 * size(call, call.outputs) // layer.units) + _ends(layer, call)


def _einsum_dense(layer: Any, call: Call) -> Flops:
    """Count for each element of the kernel the elements of all indices that it has not."""
    into, output = layer.equation.replace(" ", "").split("->")
    data, kernel = into.split(",")
    sizes: dict[str, int | None] = {}
    for indices, shape in ((data, call.inputs[0]), (output, call.outputs[0])):
        before, dots, after = indices.partition("...")
        free = len(shape) - len(before) - len(after)
        named = [*before, *(f"{dots}{axis}" for axis in range(free)), *after]
        sizes.update(zip(named, shape, strict=True))
    uses = size(call, [tuple(size for index, size in sizes.items() if index not in kernel)])
    biases = size(call, call.outputs) if layer.bias is not None else 0
    return product(layer.kernel, 2 * uses) + always(biases + _rectified(layer, call))


def _convolution(layer: Any, call: Call) -> Flops:
    return product(layer.kernel, size(call, call.outputs) // layer.filters) + _ends(layer, call)


def _depthwise(layer: Any, call: Call) -> Flops:
    channels = math.prod(layer.depthwise_kernel.shape[-2:])
    return product(layer.depthwise_kernel, size(call, call.outputs) // channels) + _ends(layer, call)


def _separable(layer: Any, call: Call) -> Flops:
    positions = size(call, call.outputs) // layer.filters
    kernels = product(layer.depthwise_kernel, positions) + product(layer.pointwise_kernel, positions)
    return kernels + _ends(layer, call)


def _transposed(layer: Any, call: Call) -> Flops:
    """Count the whole kernel for each position of the input, that is what its gradient's convolution costs."""
    positions = size(call, call.inputs[:1]) // layer.kernel.shape[-1]
    return product(layer.kernel, positions) + _ends(layer, call)


def _locally_connected(layer: Any, call: Call) -> Flops:
    """Count each weight once: it has one position."""
    examples = size(call, [call.inputs[0][:1]])
    kernel = np.asarray(layer.kernel)
    # Its second implementation is a matrix from all inputs to all outputs, and a mask that says which are used.
    used = np.broadcast_to(layer.kernel_mask, kernel.shape) != 0 if layer.implementation == 2 else np.ones(kernel.shape)
    return product(kernel[used != 0], examples) + _ends(layer, call)


def _cell(layer: Any, call: Call) -> Flops:
    """Count one step of a recurrent cell; gates are applied by element, which counts nothing."""
    examples = size(call, [call.inputs[0][:1]])
    rectified = sum(
        2 * layer.units * times
        for name, times in _USES[next(kind for kind in type(layer).__mro__ if kind in _USES)].items()
        if _is_relu(getattr(layer, name))
    )
    biases = layer.bias.shape.num_elements() if layer.use_bias else 0
    kernels = product(layer.kernel, 2 * examples) + product(layer.recurrent_kernel, 2 * examples)
    return kernels + always(examples * (biases + rectified))


def _convolutional_lstm(layer: Any, call: Call) -> Flops:
    """Count both convolutions of a cell for each step and each position of the output."""
    cell, steps = layer.cell, size(call, [call.inputs[0][:2]])  # of all examples
    outputs = size(call, call.outputs[:1])
    once = layer.filters * (call.inputs[0][1] or 1 if layer.return_sequences else 1) * (call.inputs[0][0] or 1)
    uses = steps * (outputs // once)
    rectified = 2 * layer.filters * (2 * _is_relu(cell.activation) + 3 * _is_relu(cell.recurrent_activation))
    biases = cell.bias.shape.num_elements() if layer.use_bias else 0
    return product(cell.kernel, uses) + product(cell.recurrent_kernel, uses) + always(uses * (biases + rectified))


def _attention(layer: Any, call: Call) -> Flops:
    """Count the product of queries and keys, and that of the scores and values.

    Scores of "concat" are sums and no product; those of AdditiveAttention with a scale are a product with it.
    """
    query, value = call.inputs[:2]
    pairs = size(call, [(*query[:-1], value[-2])])
    features = size(call, [query[-1:]])
    scores = always(2 * pairs * features)
    if isinstance(layer, layers.AdditiveAttention):
        scores = product(layer.scale, 2 * pairs) if layer.use_scale else always(0)
    elif layer.score_mode == "concat":
        scores = always(0)
    return scores + always(2 * pairs * size(call, [value[-1:]]))


def _multi_head(layer: Any, call: Call) -> Flops:
    """Count both products as in `_attention`; the four kernels are layers inside, with formulas of their own."""
    del layer
    query, _, value = (each.outputs[0] for each in call.inner[:3])  # [..., heads, features]
    scores = [each.outputs[0] for each in call.inner if isinstance(each.layer, layers.Softmax)]
    return always(2 * size(call, scores) * size(call, [query[-1:], value[-1:]]))


def _dot(layer: Any, call: Call) -> Flops:
    axis = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    return always(2 * size(call, call.outputs) * size(call, [call.inputs[0][axis:][:1]]))


def _nothing(layer: Any, call: Call) -> Flops:
    del layer, call
    return always(0)


def _recurrent(layer: Any, call: Call, counted: set[int]) -> Flops:
    """Count the cell's first call (the next ones are the loop's own) for each step."""
    shape = call.inputs[0]
    steps, examples = shape[:2] if layer.time_major else shape[1::-1]
    # The fused kernels of LSTM and GRU call no cell.
    fused = Call(layer=layer.cell, inputs=[(examples, *shape[2:])], outputs=[])
    inner = next((each for each in call.inner if each.layer is layer.cell), fused)
    return times(size(call, [(steps,)]), count(inner, counted))


def _time_distributed(layer: Any, call: Call, counted: set[int]) -> Flops:
    """Count the layer's call on all steps at once, or its first call of a loop over the steps for each of them."""
    del layer
    inner = call.inner[0]
    return times(
        size(call, [call.inputs[0][:2]]) // size(inner, [inner.inputs[0][:1]]),
        count(inner, counted),
    )


_FORMULAS: dict[Any, Callable[[Any, Call], Flops]] = {
    layers.Dense: _dense,
    layers.EinsumDense: _einsum_dense,
    **dict.fromkeys((layers.Conv1D, layers.Conv2D, layers.Conv3D), _convolution),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _depthwise),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    **dict.fromkeys((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), _transposed),
    **dict.fromkeys((layers.LocallyConnected1D, layers.LocallyConnected2D), _locally_connected),
    **dict.fromkeys((layers.SimpleRNNCell, layers.GRUCell, layers.LSTMCell), _cell),
    **dict.fromkeys((layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D), _convolutional_lstm),
    **dict.fromkeys((layers.Attention, layers.AdditiveAttention), _attention),
    layers.MultiHeadAttention: _multi_head,
    layers.Dot: _dot,
    **dict.fromkeys((layers.Embedding, layers.PReLU), _nothing),
}
_LOOPS: dict[Any, Callable[[Any, Call, set[int]], Flops]] = {
    layers.RNN: _recurrent,
    layers.TimeDistributed: _time_distributed,
}
_NORMALISATIONS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.Normalization,
)
# How often a cell applies its activations in a step.
_USES = {
    layers.SimpleRNNCell: {"activation": 1},
    layers.GRUCell: {"activation": 1, "recurrent_activation": 2},
    layers.LSTMCell: {"activation": 2, "recurrent_activation": 3},
}


def _ends(layer: Any, call: Call) -> Flops:
    """Count what a layer does with its products: a bias, a ReLU."""
    biases = size(call, call.outputs) if layer.use_bias else 0
    return always(biases + _rectified(layer, call))


def _rectified(layer: Any, call: Call) -> int:
    is_one = isinstance(layer, layers.ReLU) or any(
        _is_relu(getattr(layer, name, None)) for name in ("activation", "function")
    )
    return 2 * size(call, call.outputs) if is_one else 0


def _is_relu(function: Any) -> bool:
    return function is keras.activations.relu or function is tf.nn.relu
