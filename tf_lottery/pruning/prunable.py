"""`prunable(model)`: the same Keras model with masks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from absl import logging

from tf_lottery.arguments import names
from tf_lottery.lazy_tf import tf
from tf_lottery.lookup import nearest
from tf_lottery.pruning.cloning import (
    check_model,
    clone,
    copy_weights,
    flat_layers,
    inner_layer,
    is_followed,
    paired_weights,
)
from tf_lottery.pruning.compilation import compile_alike
from tf_lottery.pruning.kernels import has_kernels
from tf_lottery.pruning.wrapper import Masked

__all__ = ["copy_weights", "flat_layers", "prunable"]  # the engine, states and counts of models start from here


def prunable(model: Any, *, exclude: str | Collection[str] = ()) -> Any:
    """Return a copy of the model with a mask of ones on every kernel that TF-MOT can prune.

    Weights, outputs, names, class, what is frozen, recurrent states, and if the model is compiled its compilation and
    the optimizer's state are the same; nothing is shared but functions and losses. Layers that TF-MOT cannot prune
    stay dense, and are named once in the log; so are layers and models that are subclassed, which are kept whole. What
    cannot be the same is refused, or said in the log. Masks of a model that TF-MOT pruned are kept, its schedules not.

    Args:
        model: A Sequential or functional Keras 2 (tf_keras) model with weights; models in it are followed.
        exclude: A name, or names, of layers that stay dense, or of models in it whose layers do. "inner/dense" is the
            layer of this name in the model `inner`, where others have its name too.

    Raises:
        TypeError: Not a Keras 2 model, or `exclude` holds something else than names.
        ValueError: A subclassed model, one without weights, a layer that cannot be copied, or a name in `exclude` that
            no layer has.
    """
    check_model(model)
    dense = _excluded(model, names("exclude", exclude))
    left_dense: dict[str, str] = {}
    schedules = []

    def wrap(layer: Any, plain: Any) -> Any:
        inner = inner_layer(layer)
        if inner is not layer and not isinstance(layer, Masked):
            schedules.append(layer.name)
            if layer.name in model.output_names:
                plain._name = layer.name  # losses and labels are given by it
        if id(layer) in dense:
            return plain
        if has_kernels(inner):
            return Masked(plain, name=layer.name, in_place=True)
        variables = [weight for weight in inner.weights if isinstance(weight, tf.Variable)]
        if any(len(variable.shape) > 1 and variable.trainable for variable in variables):
            left_dense[layer.name] = type(inner).__name__
        return plain

    with model.distribute_strategy.scope():
        copy = clone(model, wrap)
        compile_alike(model, copy, paired_weights(model, copy))
    if left_dense:
        named = ", ".join(f"{name} ({kind})" for name, kind in left_dense.items())
        logging.warning("left dense, since TF-MOT cannot prune such layers: %s", named)
    if schedules:
        logging.warning(
            "masks of TF-MOT's wrappers are kept as they are, its schedules are not: %s", ", ".join(schedules)
        )
    return copy


def _excluded(model: Any, asked: tuple[str, ...]) -> set[int]:
    """Return the layers that stay dense, by their `id`."""
    found: dict[str, set[int]] = {}
    for path, layer in _paths(model):
        parts = path.split("/")
        # Under its own name, its path, and those of the models that it is in.
        for length in range(1, len(parts) + 1):
            for known in (parts[length - 1], "/".join(parts[:length])):
                found.setdefault(known, set()).add(id(layer))
    for name in asked:
        if name not in found:
            raise ValueError(f"exclude: no layer {name!r}.{nearest(name, found)} Layers: {', '.join(found)}")
    return {layer for name in asked for layer in found[name]}


def _paths(model: Any) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        if is_followed(layer):
            yield from ((f"{layer.name}/{path}", inside) for path, inside in _paths(layer))
        else:
            yield layer.name, layer
