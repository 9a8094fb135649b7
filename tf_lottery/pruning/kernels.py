"""Which weights of a layer are prunable: those that TF-MOT prunes, by its own registry and its `PrunableLayer`."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras, tf, tfmot_wrapper


def can_be_wrapped(layer: Any) -> bool:
    """Return whether TF-MOT accepts such a layer, if only because there is nothing to prune in it."""
    return _says_itself(layer) or _registry().supports(layer)


def has_kernels(layer: Any) -> bool:
    """Return whether TF-MOT prunes weights of such a layer; it need not be built.

    By exact class, as TF-MOT has it: a subclass may use its kernel in any way.
    """
    if _says_itself(layer):
        return not layer.built or bool(layer.get_prunable_weights())
    registry = _registry()
    if not registry.supports(layer):
        return False
    return registry._is_rnn_layer(layer) or bool(registry._weight_names(layer))


def build(layer: Any, input_shape: Any) -> None:
    """Have the layer make its weights if it has none, under the names that they have without a wrapper."""
    with tf.name_scope(f"{layer.name}/"):
        if not layer.built:
            layer.build(input_shape)
            layer.built = True
        if type(layer) is keras.layers.MultiHeadAttention:
            _build_attention(layer)


def build_for_call(layer: Any, inputs: Any, *args: Any, **kwargs: Any) -> None:
    """Tell an attention layer the shapes of all its inputs: `build` would get those of the first alone."""
    if type(layer) is keras.layers.MultiHeadAttention and not layer._built_from_signature:
        value = args[0] if args else kwargs["value"]
        key = args[1] if len(args) > 1 else kwargs.get("key")
        layer._build_from_signature(query=inputs, value=value, key=key)


def _build_attention(layer: Any) -> None:
    """Have the four projections make their kernels, which else wait for the first call."""
    query = layer._query_shape
    heads = [*query[:-1], layer._num_heads, layer._value_dim]
    for projection, shape in (
        (layer._query_dense, query),
        (layer._key_dense, layer._key_shape),
        (layer._value_dense, layer._value_shape),
        (layer._output_dense, heads),
    ):
        if not projection.built:
            with tf.name_scope(projection.name):
                projection.build(tf.TensorShape(shape))


def _says_itself(layer: Any) -> bool:
    # By its class: TF-MOT also puts a method of this name on the layers that it knows, which speaks of that one layer.
    return hasattr(type(layer), "get_prunable_weights")


def _registry() -> Any:
    return tfmot_wrapper.prune_registry.PruneRegistry
