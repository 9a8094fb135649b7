"""Maps: what layers make of their channels, after bias, batch norm and activation, where others read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.calls import Original, intercepted
from tf_lottery.pruning.channels.operators import TFOpLambda
from tf_lottery.pruning.cloning import inner_layer

layers = keras.layers
_ENDS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU, layers.ThresholdedReLU)
_ENDING_OPERATORS = ("nn.elu", "nn.gelu", "nn.leaky_relu", "nn.relu", "nn.relu6", "nn.selu", "nn.silu")


@dataclass(frozen=True, kw_only=True)
class _Call:
    layer: Any
    inputs: Sequence[Any]
    output: Any


def maps_of(forward: Callable[[], Any], makers: Collection[int]) -> tuple[Any, dict[int, list[Any]]]:
    """Return the outputs of a network, and by the layer's id its maps: a tensor for each call of it.

    A layer's map is its output; if one batch norm or one activation is all that reads it, what that makes of it, and so
    on to the first activation (the feature map after bias and ReLU of Molchanov et al. 2017, section 2).

    Args:
        forward: Calls the network while TensorFlow traces it.
        makers: The ids of the layers.
    """
    seen: list[_Call] = []

    def around(layer: Any, original: Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outputs = original(*args, **kwargs)
        if not isinstance(layer, keras.Model):
            inputs = [each for each in tf.nest.flatten((args, kwargs)) if tf.is_tensor(each)]
            seen.append(_Call(layer=inner_layer(layer), inputs=inputs, output=tf.nest.flatten(outputs)[0]))
        return outputs

    with intercepted(around):
        outputs = forward()
    found: dict[int, dict[int, Any]] = {maker: {} for maker in makers}  # by the id of the tensor, so each once
    for call in seen:
        if id(call.layer) in makers:
            last = _followed(call, seen)
            found[id(call.layer)][id(last)] = last
    return outputs, {maker: list(each.values()) for maker, each in found.items()}


def flat(tensor: Any, axis: int) -> Any:
    """Return a map, or what is of its shape, as [batch, positions, channels]."""
    order = [0, *(each for each in range(1, len(tensor.shape)) if each != axis), axis]
    shape = tf.shape(tensor)
    return tf.reshape(tf.transpose(tensor, order), [shape[0], -1, shape[axis]])


def _followed(call: _Call, seen: Sequence[_Call]) -> Any:
    """Return the map that begins with this call's output."""
    while not _is_activated(call.layer):
        readers = [each for each in seen if any(one is call.output for one in each.inputs)]
        if len(readers) != 1 or not (isinstance(readers[0].layer, layers.BatchNormalization) or _is_end(readers[0])):
            break
        call = readers[0]
    return call.output


def _is_end(call: _Call) -> bool:
    if type(call.layer) is TFOpLambda:
        return call.layer.symbol in _ENDING_OPERATORS
    return isinstance(call.layer, _ENDS)


def _is_activated(layer: Any) -> bool:
    if isinstance(layer, _ENDS) or type(layer) is TFOpLambda:
        return True
    return getattr(layer, "activation", None) not in (None, keras.activations.linear)
