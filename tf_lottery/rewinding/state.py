"""A model's whole training state as plain arrays, taken out and put back bit for bit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_lottery.checkpoint import Arrays
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.channels.rebuild import Axes, cut_array
from tf_lottery.pruning.cloning import flat_layers, own_weights
from tf_lottery.pruning.nadam_count import NadamCount
from tf_lottery.pruning.slots import slots_by_kind, unlisted, unscaled
from tf_lottery.pruning.state_names import unnumbered
from tf_lottery.pruning.wrapper import Masked


class PointMismatchError(ValueError):
    """A state of another model or another optimizer."""


def capture(model: Any) -> Arrays:
    """Return weights, batch norm statistics, masks, optimizer slots and step, and a rate that is not a schedule.

    Args:
        model: Compiled; prunable or plain.

    Returns:
        Arrays by name: weights/..., masks/..., optimizer/....

    Raises:
        ValueError: The model has no weights yet, is not compiled, or with a legacy optimizer, or is trained by several
            processes together.
    """
    return {name: _value(variable) for name, variable in _variables(model)}


def restore(model: Any, arrays: Arrays, *, keep_masks: bool) -> None:
    """Put a state back, then read it again and compare every bit.

    Args:
        model: Compiled, of the same architecture and kind of optimizer as the one the state was taken from.
        arrays: What `capture` returned.
        keep_masks: Keep the masks that the model has now; what they do not keep becomes 0, in weights and slots. The
            state may then be of the model before it had masks.

    Raises:
        ValueError: As `capture`.
        PointMismatchError: The state is of another model or optimizer; the model is as it was.
        RuntimeError: What was read back is not what was written.
    """
    named = dict(_variables(model))
    # A state under its own masks goes back as it is: slots may be nonzero where weights are masked.
    keep = {}
    if keep_masks:
        arrays = {name: value for name, value in arrays.items() if not name.startswith("masks/")}
        for name in [name for name in named if name.startswith("masks/")]:
            keep[name.removeprefix("masks/")] = named.pop(name).numpy() != 0
    _compare(named, arrays)
    values = {}
    for name in named:
        value = arrays[name]
        mask = keep.get(_weight_of(name))
        if mask is not None and mask.shape == value.shape:
            value = np.where(mask, value, value.dtype.type(0))
        values[name] = value
    for name, value in values.items():
        named[name].assign(value)
    for name, value in values.items():
        if any(copy.tobytes() != value.tobytes() for copy in _copies(named[name])):
            raise RuntimeError(f"{name} does not read as what was restored to it. Was it changed at the same time?")


def cut(arrays: Arrays, kept: Mapping[str, Any]) -> Arrays:
    """Return a state of a model before channels of it were removed as one of the model after.

    Args:
        arrays: What `capture` returned.
        kept: Of a `ShrinkReport`: by the weight's name, which indices of each axis stayed.

    Raises:
        PointMismatchError: The state is of another model.
    """
    axes = dict(_unnumbered((re.sub(r"#\d+$", "", name), each) for name, each in kept.items()))
    if differing := axes.keys() ^ {name.removeprefix("weights/") for name in arrays if name.startswith("weights/")}:
        raise PointMismatchError(
            f"the state is of another model than the one that was shrunk: {', '.join(sorted(differing)[:3])} is in one "
            "of them only. Use the points of the training of that model."
        )
    return {name: _cut_as(axes.get(_weight_of(name)), name, value) for name, value in arrays.items()}


def _cut_as(axes: Axes | None, name: str, value: Any) -> Any:
    if axes is None or len(axes) != value.ndim:  # a step, a scale
        return value
    try:
        return cut_array(value, axes)
    except IndexError:
        raise PointMismatchError(
            f"the state is of another model than the one that was shrunk: {name} has shape {value.shape}. Use the "
            "points of the training of that model."
        ) from None


def check_trainable(model: Any) -> None:
    """Raise an error that names the cure if the state of this model could not be kept.

    Raises:
        TypeError: Not a Keras 2 model.
        ValueError: Not compiled, compiled with a legacy optimizer, trained by several processes together, or with
            Nadam on several replicas.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model is {model!r} ({type(model).__name__}); expected a Keras 2 model (tf_keras), compiled.")
    optimizer = model.optimizer
    if optimizer is None:
        raise ValueError("the model is not compiled, so there is no optimizer state. Call model.compile first.")
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"{type(optimizer).__name__} is a legacy optimizer, whose state cannot be kept whole. Use the one of the "
            "same name in tf_keras.optimizers."
        )
    strategy = model.distribute_strategy
    cluster = strategy.cluster_resolver and strategy.cluster_resolver.cluster_spec()
    if cluster and sum(cluster.num_tasks(job) for job in cluster.jobs) > 1:
        raise ValueError(
            f"the model is trained under {type(strategy).__name__}, by several processes together, whose state is not "
            "in one place; expected one process. Use tf.distribute.MirroredStrategy, or no strategy."
        )
    if isinstance(unscaled(optimizer), keras.optimizers.Nadam) and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"the model is trained on {strategy.num_replicas_in_sync} replicas with Nadam, whose copies of its "
            "momentum schedule go apart there (tf_keras 2.21), so that there is no one state; expected one replica, or "
            "another optimizer. Use Adam."
        )


def _value(variable: Any) -> np.ndarray[Any, Any]:
    """Return a variable's value; of one that each replica has its own of, as batch norm statistics, as Keras saves it.

    That is their mean. Where they are equal it is not computed: the mean of three equal numbers may be another.
    """
    first, *others = _copies(variable)
    return first if all(other.tobytes() == first.tobytes() for other in others) else np.asarray(variable.numpy())


def _copies(variable: Any) -> list[np.ndarray[Any, Any]]:
    """Return a variable's value on each replica of a tf.distribute strategy; without one there is one value."""
    copies = variable.values if isinstance(variable, tf.distribute.DistributedValues) else (variable,)
    return [np.asarray(copy.numpy()) for copy in copies]


def _weight_of(name: str) -> str:
    """Return the weight that a value belongs to: weights/X and optimizer/SLOT/X belong to X."""
    kind, _, rest = name.partition("/")
    return rest.partition("/")[2] if kind == "optimizer" else rest


def _variables(model: Any) -> Iterator[tuple[str, Any]]:
    optimizer = _built_optimizer(model)
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        yield from _loss_scale(optimizer)
    optimizer = unscaled(optimizer)
    weights = dict(_weights(model))
    yield from ((f"weights/{name}", variable) for name, variable in weights.items())
    names = {variable.ref(): name for name, variable in weights.items()}
    for layer in {id(layer): layer for layer in flat_layers(model) if isinstance(layer, Masked)}.values():
        for weight, mask, _ in layer.pruning_vars:
            yield f"masks/{names[weight.ref()]}", mask
    trained = _trained(optimizer, weights.values())
    slots = slots_by_kind(optimizer, trained)
    for kind, variables in slots.items():
        for variable, slot in zip(trained, variables, strict=True):
            yield f"optimizer/{kind}/{names[variable.ref()]}", slot
    if isinstance(optimizer, keras.optimizers.Nadam):
        yield "optimizer/u_product_counter", NadamCount(optimizer)
    yield from ((f"optimizer/{name}", variable) for name, variable in unlisted(optimizer))
    found = {id(slot) for variables in slots.values() for slot in variables}
    others = [variable for variable in optimizer.variables if id(variable) not in found]
    # Made in the first step, a variable's name begins with the optimizer's own; made before it, it does not.
    prefix = f"{optimizer.name}/"
    own = _unnumbered((variable.name.removeprefix(prefix), variable) for variable in others)
    yield from ((f"optimizer/{name}", variable) for name, variable in own)
    # A rate that is a plain number is a variable of its own; one of a schedule follows from the step.
    if isinstance(optimizer._learning_rate, tf.Variable) and not _is_among(optimizer):
        yield "optimizer/learning_rate", optimizer._learning_rate


def _loss_scale(optimizer: Any) -> Iterator[tuple[str, Any]]:
    """Yield a dynamic loss scale and its count of finite steps; a fixed one is no state."""
    if optimizer.dynamic:
        yield "optimizer/loss_scale", optimizer._loss_scale.current_loss_scale
        yield "optimizer/loss_scale_counter", optimizer.dynamic_counter


def _trained(optimizer: Any, weights: Iterable[Any]) -> list[Any]:
    """Return the weights that an optimizer was built for, in its order; some may have been frozen since."""
    places = optimizer._index_dict
    found = {places[key]: weight for weight in weights if (key := optimizer._var_key(weight)) in places}
    return [found[place] for place in sorted(found)]


def _is_among(optimizer: Any) -> bool:
    return any(variable is optimizer._learning_rate for variable in optimizer.variables)


def _weights(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the weights of the model without our bookkeeping, by names that another copy of the model has too."""
    yield from _unnumbered((variable.name, variable) for variable in own_weights(model))


def _unnumbered(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    pairs = list(named)
    yield from zip(unnumbered(name for name, _ in pairs), (variable for _, variable in pairs), strict=True)


def _built_optimizer(model: Any) -> Any:
    check_trainable(model)
    if not model.built:
        raise ValueError(
            "the model has no weights yet, so there is no state. Give its first layer an input shape, or call "
            "model.build first."
        )
    model.optimizer.build(model.trainable_variables)
    return model.optimizer


def _compare(named: dict[str, Any], arrays: Arrays) -> None:
    for name, variable in named.items():
        if name in arrays and arrays[name].shape != tuple(variable.shape):
            raise PointMismatchError(
                f"the state is of another model: {name} has shape {arrays[name].shape} there and "
                f"{tuple(variable.shape)} here. If the model was shrunk since, take points.shrunk(report, folder)."
            )
        if name in arrays and arrays[name].dtype != variable.dtype.as_numpy_dtype:
            raise PointMismatchError(
                f"the state is of another precision: {name} has dtype {arrays[name].dtype} there and "
                f"{variable.dtype.name} here. Use the policy or dtype that the state was taken with."
            )
    missing, extra = sorted(named.keys() - arrays.keys()), sorted(arrays.keys() - named.keys())
    if not missing and not extra:
        return
    differing = missing + extra
    whose = "optimizer" if all(name.startswith("optimizer/") for name in differing) else "model"
    only_here = f"only here: {', '.join(missing[:3])}" if missing else ""
    only_there = f"only there: {', '.join(extra[:3])}" if extra else ""
    raise PointMismatchError(
        f"the state is of another {whose} ({'; '.join(part for part in (only_here, only_there) if part)}). Use the "
        f"{whose} that the state was taken with."
    )
