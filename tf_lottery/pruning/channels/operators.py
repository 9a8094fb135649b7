"""Rules of TensorFlow's operators in a graph, such as `x + 1` and `tf.nn.relu(x)`: Keras makes layers of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import LazyModule, keras, tf
from tf_lottery.pruning.channels.graph import Call, Graph
from tf_lottery.pruning.channels.joins import broadcast, joined
from tf_lottery.pruning.channels.labels import NotFollowedError, Tensor

# The class is not among Keras' public names.
TFOpLambda: Any = LazyModule("tf_keras.src.layers.core.tf_op_layer").TFOpLambda


def operator(graph: Graph, layer: Any, call: Call) -> Tensor:
    """By the operator's name."""
    rule = OPERATORS.get(layer.symbol)
    if rule is None:
        raise NotFollowedError(f"no rule for tf.{layer.symbol}")
    return rule(graph, call)


def _of_numbers(graph: Graph, call: Call) -> Tensor:
    """A function of the numbers at equal places, and of single numbers."""
    if any(np.size(each) > 1 for each in _beside(call)):
        raise NotFollowedError("an array of numbers stands in it")
    return broadcast(graph, call.inputs, call.shapes[0])


def _reduced(graph: Graph, call: Call) -> Tensor:
    """Joins numbers along axes, which must not be the channels'."""
    del graph
    tensor, rank = call.only, len(call.only.shape)
    over = _argument(call, 1, "axis")
    axes = {axis % rank for axis in np.ravel(range(rank) if over is None else over)}
    if tensor.axis is None:
        return Tensor(shape=call.shapes[0])
    if tensor.axis in axes:
        raise NotFollowedError("it joins channels")
    gone = sum(axis < tensor.axis for axis in axes) if len(call.shapes[0]) < rank else 0
    return call.output(tensor.labels, tensor.axis - gone)


def _concatenated(graph: Graph, call: Call) -> Tensor:
    return joined(graph, call, int(_argument(call, 1, "axis")))


def _resized(graph: Graph, call: Call) -> Tensor:
    """Images in another size, channels last."""
    return call.output(graph.along(call.only, -1), -1)


def _expanded(graph: Graph, call: Call) -> Tensor:
    """One more axis, of size 1."""
    del graph
    tensor, place = call.only, int(_argument(call, 1, "axis")) % len(call.shapes[0])
    if tensor.axis is None:
        return Tensor(shape=call.shapes[0])
    return call.output(tensor.labels, tensor.axis + (place <= tensor.axis))


def _argument(call: Call, place: int, name: str) -> Any:
    return call.kwargs.get(name, call.args[place] if len(call.args) > place else None)


def _beside(call: Call) -> Iterator[Any]:
    """Yield what an operator is given beside the tensors of the graph."""
    for each in tf.nest.flatten((list(call.args), dict(call.kwargs))):
        if not (hasattr(each, "type_spec") and keras.backend.is_keras_tensor(each)):
            yield each


_NAMES_OF_NUMBERS = (
    "__operators__.add", "abs", "cast", "clip_by_value", "exp", "identity", "math.abs", "math.add", "math.divide",
    "math.erf", "math.exp", "math.log", "math.log1p", "math.maximum", "math.minimum", "math.multiply", "math.negative",
    "math.pow", "math.reciprocal", "math.rsqrt", "math.sigmoid", "math.softplus", "math.sqrt", "math.square",
    "math.squared_difference", "math.subtract", "math.tanh", "math.truediv", "nn.elu", "nn.gelu", "nn.leaky_relu",
    "nn.relu", "nn.relu6", "nn.selu", "nn.silu", "nn.softsign", "stop_gradient",
)  # fmt: skip
OPERATORS: Mapping[str, Callable[[Graph, Call], Tensor]] = {
    **dict.fromkeys(_NAMES_OF_NUMBERS, _of_numbers),
    **dict.fromkeys(("math.reduce_mean", "math.reduce_sum", "math.reduce_max", "math.reduce_min"), _reduced),
    "concat": _concatenated,
    "expand_dims": _expanded,
    "image.resize": _resized,
}
