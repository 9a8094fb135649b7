"""Which functions work on each number by itself, so that what becomes of a channel depends on no other."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras, tf

_OF_KERAS = (
    "elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu", "sigmoid", "softplus", "softsign",
    "swish", "tanh",
)  # fmt: skip
_OF_TENSORFLOW = (
    tf.nn.elu, tf.nn.gelu, tf.nn.leaky_relu, tf.nn.relu, tf.nn.relu6, tf.nn.selu, tf.nn.silu, tf.nn.swish, tf.abs,
    tf.exp, tf.identity, tf.math.erf, tf.math.softplus, tf.nn.softsign, tf.sigmoid, tf.square, tf.tanh,
)  # fmt: skip
_KNOWN = {id(getattr(keras.activations, name)) for name in _OF_KERAS} | {id(function) for function in _OF_TENSORFLOW}


def why_mixing(function: Any) -> str | None:
    """Return why channels may depend on each other in this activation; None if they do not."""
    if function is None or id(function) in _KNOWN:
        return None
    name = getattr(function, "__name__", type(function).__name__)
    return f"its activation {name} may mix channels"
