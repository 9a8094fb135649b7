"""A model made anew from other layers, with the same class, names, weights and states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from absl import logging

from tf_lottery.lazy_tf import keras, tf, tfmot_wrapper
from tf_lottery.pruning.classes import carry_class
from tf_lottery.pruning.copies import copy_layer, is_kerass_own
from tf_lottery.pruning.held import masked
from tf_lottery.pruning.wrapper import Masked

Make = Callable[[Any, Any], Any]  # (a layer, its copy without a wrapper) -> the layer to take in its place
Cut = Callable[[Any, Any], Any]  # (a variable of the model, values in its shape) -> values in the shape of its copy


def uncut(variable: Any, values: Any) -> Any:
    """Return all the values."""
    del variable
    return values


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a clone has in other sizes than the model; nothing, if nothing is said."""

    copy: Callable[[Any, Mapping[int, Any]], Any] = copy_layer  # as `copy_layer`
    input_shapes: Callable[[Any], list[Any] | None] = lambda model: None  # of a model's inputs; None: as they are
    cut: Cut = uncut


_SAME = Sizes()


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
    if not is_followed(model):
        raise ValueError(
            f"{type(model).__name__} is a subclassed model, whose layers cannot be found and replaced. Expected a "
            "Sequential or functional model: write it as keras.Model(inputs, outputs), which may call the same layers."
        )
    if not model.built:
        raise ValueError(
            f"{model.name} has no weights yet, since it does not know the shape of its input. Call "
            "model.build((None, ...)) with that shape, or give the first layer an input_shape."
        )
    if not model.weights:
        raise ValueError(
            f"{model.name} has no weights, so there is nothing to prune. Expected a model with layers that do."
        )


def is_followed(layer: Any) -> bool:
    """Return whether this is a model whose layers are known: Sequential or functional. Others are taken whole."""
    return isinstance(layer, keras.Model) and (isinstance(layer, keras.Sequential) or layer._is_graph_network)


def flat_layers(model: Any) -> Iterator[Any]:
    """Yield all layers of a model, those of models inside it in their place; wrappers stay wrappers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flat_layers(layer)
        else:
            yield layer


def masked_layers(model: Any) -> list[Masked]:
    """Return every wrapper of ours in a model once, in the order of the layers; those in subclassed layers last."""
    found = {id(layer): layer for layer in (*flat_layers(model), *model._flatten_layers())}
    return [layer for layer in found.values() if isinstance(layer, Masked)]


def whole_layers(model: Any) -> Iterator[Any]:
    """Yield what a clone is made of: all layers as `flat_layers` has them, but subclassed models in one piece."""
    for layer in model.layers:
        if is_followed(layer):
            yield from whole_layers(layer)
        else:
            yield layer


def own_weights(model: Any) -> Iterator[Any]:
    """Yield the weights of a model without masks and other bookkeeping of ours."""
    held = {
        id(variable)
        for layer in masked_layers(model)
        for variable in (*(each for _, *own in layer.pruning_vars for each in own), layer.pruning_step)
    }
    yield from (weight for weight in model.weights if id(weight) not in held)


def inner_layer(layer: Any) -> Any:
    """Return the layer in a wrapper of ours or of TF-MOT's, or the layer itself."""
    return layer.layer if isinstance(layer, tfmot_wrapper.PruneLowMagnitude) else layer


def clone(model: Any, make: Make, sizes: Sizes = _SAME) -> Any:
    """Return the model anew, each layer as `make` has it, with all weights and states; not compiled.

    A layer or a model that is called in several places is one in the copy too.

    Args:
        model: As `check_model` lets pass.
        make: Called once for each layer.
        sizes: What is of another size in the copy.

    Raises:
        ValueError: Something in it cannot be copied.
    """
    made: dict[int, Any] = {}  # by the id of the original
    plain: dict[int, Any] = {}  # the same without wrappers: one layer may hold another

    def once(layer: Any) -> Any:
        if id(layer) not in made:
            if id(layer) not in called:
                made[id(layer)] = layer
            elif is_followed(layer):
                made[id(layer)] = plain[id(layer)] = _clone_graph(layer, once, made, sizes)
            else:
                inner = inner_layer(layer)
                made[id(layer)] = make(layer, sizes.copy(inner, plain))
                plain[id(inner)] = inner_layer(made[id(layer)])
        return made[id(layer)]

    called = {id(layer) for layer in _called(model)}
    # Layers of Keras first: those that hold others are a user's.
    for layer in sorted(whole_layers(model), key=lambda layer: not is_kerass_own(inner_layer(layer))):
        once(layer)
    copy = _clone_graph(model, once, made, sizes)
    copy_weights(model, copy, sizes.cut)
    lost = [model.name] if _has_more_losses(model, copy) else []
    for ours, theirs in zip(whole_layers(model), whole_layers(copy), strict=True):
        _copy_settings(inner_layer(ours), inner_layer(theirs), sizes.cut)
        lost += [ours.name] if _has_more_losses(inner_layer(ours), inner_layer(theirs)) else []
    if lost:
        logging.warning("a function given to add_loss is not copied, call add_loss again: %s", ", ".join(lost))
    return copy


def _called(model: Any) -> Iterator[Any]:
    """Yield the layers and models that make up a model, without those that are mere attributes of it."""
    graph = [node.layer for nodes in getattr(model, "_nodes_by_depth", {}).values() for node in nodes]
    for layer in graph or model.layers:
        yield layer
        if is_followed(layer):
            yield from _called(layer)


def copy_weights(source: Any, target: Any, cut: Cut = uncut) -> None:
    """Give a clone, with other wrappers or without, the weights and masks of the model it was cloned from."""
    for ours, theirs in zip(whole_layers(source), whole_layers(target), strict=True):
        # A wrapper's get_weights and set_weights are those of its layer.
        values = ours.get_weights()
        if cut is not uncut:
            values = list(map(cut, inner_layer(ours).weights, values))
        theirs.set_weights(values)
        if isinstance(ours, tfmot_wrapper.PruneLowMagnitude):
            _copy_masks(ours, theirs, cut)


def paired_weights(source: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each weight of the layers of a model with the same one of its clone; masks are not among them."""
    for ours, theirs in zip(whole_layers(source), whole_layers(target), strict=True):
        yield from zip(inner_layer(ours).weights, inner_layer(theirs).weights, strict=True)


def _copy_masks(ours: Any, theirs: Any, cut: Cut) -> None:
    if isinstance(theirs, Masked):
        for (weight, mask, _), (_, copy, _) in zip(ours.pruning_vars, theirs.pruning_vars, strict=True):
            copy.assign(cut(weight, mask))
        theirs.apply_masks()
        return
    # The zeros stay. Between two steps, those of TF-MOT's wrapper are not yet in its weights.
    places = {id(weight): place for place, weight in enumerate(ours.layer.weights)}
    for weight, mask, _ in ours.pruning_vars:
        copy = theirs.weights[places[id(weight)]]
        copy.assign(masked(copy, cut(weight, mask)))


def _clone_graph(model: Any, once: Callable[[Any], Any], made: dict[int, Any], sizes: Sizes) -> Any:
    shapes = sizes.input_shapes(model)
    copy = keras.models.clone_model(model, input_tensors=_inputs(model, shapes), clone_function=once)
    if not copy.built:  # a Sequential model that got its shape from data
        copy.build(model.input_shape)
    carry_class(model, copy, made)
    return copy


def _inputs(model: Any, shapes: list[Any] | None) -> list[Any] | None:
    """Return new inputs in these shapes; None for those that the model has."""
    if shapes is None:
        return None
    return [
        type(layer).from_config({**layer.get_config(), "batch_input_shape": tuple(shape)}).output
        for layer, shape in zip(model._input_layers, shapes, strict=True)
    ]


def _has_more_losses(layer: Any, copy: Any) -> bool:
    """Return whether there are functions that add losses, which speak of this layer's own weights."""
    return len(layer._callable_losses) > len(copy._callable_losses)


def _copy_settings(ours: Any, theirs: Any, cut: Cut) -> None:
    """Copy what a layer has beside configuration and weights: what is frozen in it, and recurrent states."""
    inside, copies = list(ours._flatten_layers()), list(theirs._flatten_layers())
    if len(inside) != len(copies):  # a layer that makes others while it is called
        inside, copies = [ours], [theirs]
    for one, two in zip(inside, copies, strict=True):
        two._trainable = one._trainable
        states = getattr(one, "states", None) if one.stateful else None
        for state, copy in zip(tf.nest.flatten(states), tf.nest.flatten(two.states) if states else (), strict=False):
            copy.assign(cut(state, state))
