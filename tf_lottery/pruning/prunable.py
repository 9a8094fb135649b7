"""`prunable(model)`: the same Keras model with masks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from absl import logging

from tf_lottery.lazy_tf import keras
from tf_lottery.lookup import nearest
from tf_lottery.pruning.wrapper import Masked, kernels_of


def prunable(model: Any, *, exclude: Collection[str] = ()) -> Any:
    """Return a copy of the model with a mask of ones on every kernel that TF-MOT can prune.

    Weights, outputs, and if the model is compiled its compilation and the optimizer's state are the same; nothing is
    shared. Layers that TF-MOT cannot prune stay dense, and are named once in the log.

    Args:
        model: A Sequential or functional Keras 2 (tf_keras) model with weights; models in it are followed.
        exclude: Names of layers that stay dense.

    Raises:
        TypeError: Not a Keras 2 model.
        ValueError: A subclassed model, one without weights, or a name in `exclude` that no layer has.
    """
    check_model(model)
    names = [layer.name for layer in flat_layers(model)]
    for name in exclude:
        if name not in names:
            raise ValueError(f"exclude: no layer {name!r}.{nearest(name, names)} Layers: {', '.join(names)}")
    left_dense: dict[str, str] = {}

    def wrap(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return clone(layer, wrap)
        copy = layer.__class__.from_config(layer.get_config())
        if layer.name in exclude or isinstance(layer, Masked):
            return copy
        if kernels_of(layer):
            return Masked(copy)
        if any(len(weight.shape) > 1 for weight in layer.trainable_weights):
            left_dense[layer.name] = type(layer).__name__
        return copy

    copy = clone(model, wrap)
    copy_weights(model, copy)
    if left_dense:
        named = ", ".join(f"{name} ({kind})" for name, kind in left_dense.items())
        logging.warning("left dense, since TF-MOT cannot prune such layers: %s", named)
    _compile_alike(model, copy)
    return copy


def check_model(model: Any) -> None:
    """Raise an error that names the cure if this is not a Keras 2 model that can be cloned."""
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        if kind.startswith("keras."):
            raise TypeError(
                f"this is a Keras 3 model ({kind}); TF-MOT works on Keras 2. Import tf_lottery before TensorFlow or "
                "set TF_USE_LEGACY_KERAS=1 in the environment, and build the model with tf.keras or tf_keras."
            )
        raise TypeError(f"expected a Keras model, got {kind}.")
    if not (isinstance(model, keras.Sequential) or model._is_graph_network):
        raise ValueError(
            f"{type(model).__name__} is a subclassed model, whose layers cannot be found and replaced. Expected a "
            "Sequential or functional model: write it as keras.Model(inputs, outputs), which may call the same layers."
        )
    if not model.built or not model.weights:
        raise ValueError("the model has no weights yet. Give its first layer an input shape, or call model.build.")


def flat_layers(model: Any) -> Iterator[Any]:
    """Yield all layers of a model, those of models inside it in their place; wrappers stay wrappers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat_layers(layer)
        else:
            yield layer


def copy_weights(source: Any, target: Any) -> None:
    """Give a clone, with other wrappers or without, the weights of the model it was cloned from."""
    for ours, theirs in zip(flat_layers(source), flat_layers(target), strict=True):
        # A wrapper's get_weights and set_weights are those of its layer.
        theirs.set_weights(ours.get_weights())
        if isinstance(ours, Masked) and isinstance(theirs, Masked):
            for (_, mask, _), (_, copy, _) in zip(ours.pruning_vars, theirs.pruning_vars, strict=True):
                copy.assign(mask)


def clone(model: Any, function: Any) -> Any:
    """Return the model anew, each layer as the function makes it, built; weights are not copied."""
    copy = keras.models.clone_model(model, clone_function=function)
    if not copy.built:  # a Sequential model that got its shape from data
        copy.build(model.input_shape)
    return copy


def _compile_alike(model: Any, copy: Any) -> None:
    config = model.get_compile_config() if model.optimizer is not None else None
    if not config:
        return
    try:
        copy.compile_from_config(config)
    except (TypeError, ValueError, NotImplementedError) as error:
        logging.warning("the copy could not be compiled like the model (%s): call its compile yourself", error)
        return
    if not getattr(model.optimizer, "_built", False):
        return
    copy.optimizer.build(copy.trainable_variables)
    for ours, theirs in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
        theirs.assign(ours)
