"""Compiling a copy of a model as the model is, with the state of its optimizer."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from absl import logging

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.cloning import Cut, uncut
from tf_lottery.pruning.copies import differences
from tf_lottery.pruning.nadam_count import NadamCount
from tf_lottery.pruning.slots import index_of, unlisted, unscaled, weight_of_slots

Pairs = list[tuple[Any, Any]]  # a weight of the model, the same one of the copy


def compile_alike(model: Any, other: Any, weights: Iterable[tuple[Any, Any]], cut: Cut = uncut) -> None:
    """Compile a copy like the model; what cannot be done so is said in the log.

    Losses and functions are the same objects; metrics and optimizer are new ones, and the optimizer goes on where the
    model's stands.

    Args:
        model: Compiled, or not: then nothing is done.
        other: The copy.
        weights: Each weight of the model with the same one of the copy.
        cut: Gives of a weight's slots what is for its copy.
    """
    if not model._is_compiled or getattr(model, "optimizer", None) is None:
        return
    try:
        _compile(model, other)
        _copy_state(model.optimizer, other.optimizer, list(weights), cut)
    except Exception as error:  # noqa: BLE001 - of any class of the user's; the copy is whole without it
        other._is_compiled = False
        logging.warning("the copy could not be compiled like the model (%s): call its compile yourself", error)


def _compile(model: Any, other: Any) -> None:
    kind = type(model)
    if kind.compile is not keras.Model.compile:
        if kind.compile_from_config is keras.Model.compile_from_config:
            raise ValueError(f"{kind.__name__} has its own compile, and no compile_from_config")
        other.compile_from_config(model.get_compile_config())
        return
    arguments = dict(model._compile_config.config)
    arguments["optimizer"] = _optimizer_alike(model.optimizer)
    prefixes = _prefixes(model)
    for name in ("metrics", "weighted_metrics"):
        arguments[name] = tf.nest.map_structure(lambda metric: _metric_alike(metric, prefixes), arguments[name])
    other.compile(**arguments)
    other.run_eagerly = model._run_eagerly


def _prefixes(model: Any) -> dict[int, str]:
    """Return what Keras has put before the names of metrics, by their `id`: it would do so again."""
    container = model.compiled_metrics
    if container is None or not container.built:
        return {}
    many = len(container._output_names) > 1
    lists = zip(container._output_names, container._metrics, container._weighted_metrics, strict=True)
    found = {}
    for output, metrics, weighted in lists:
        first = f"{output}_" if many else ""
        found.update({id(metric): first for metric in metrics})
        for metric in weighted:
            again = metric is not None and metric.name.startswith(f"{first}weighted_")
            found[id(metric)] = f"{first}weighted_" if again else first
    return found


def _metric_alike(metric: Any, prefixes: dict[int, str]) -> Any:
    if not isinstance(metric, keras.metrics.Metric):
        return metric
    config = metric.get_config()
    config["name"] = config["name"].removeprefix(prefixes.get(id(metric), ""))
    return type(metric).from_config(config)


def _optimizer_alike(optimizer: Any) -> Any:
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        scale = {name: getattr(optimizer, name) for name in ("dynamic", "initial_scale", "dynamic_growth_steps")}
        return type(optimizer)(_optimizer_alike(optimizer.inner_optimizer), **scale)
    # Without its schedule, which need not have a configuration.
    bare = copy.copy(optimizer)
    legacy = not isinstance(optimizer, keras.optimizers.Optimizer)
    rate = optimizer._hyper["learning_rate"] if legacy else optimizer._learning_rate
    if callable(rate):
        vars(bare).update({"_hyper": {**optimizer._hyper, "learning_rate": 0.0}} if legacy else {"_learning_rate": 0.0})
    found = type(optimizer).from_config(bare.get_config())
    if missing := [name for name in differences(optimizer, found) if not name.startswith("_")]:
        raise ValueError(f"the configuration of {type(optimizer).__name__} leaves out {', '.join(missing)}")
    if callable(rate) and legacy:
        found._set_hyper("learning_rate", _schedule_alike(rate))
    elif callable(rate):
        found._learning_rate = found._build_learning_rate(_schedule_alike(rate))
    return found


def _schedule_alike(schedule: Any) -> Any:
    try:
        return type(schedule).from_config(schedule.get_config())
    except Exception:  # noqa: BLE001 - of any class of the user's
        return copy.deepcopy(schedule)


def _copy_state(ours: Any, theirs: Any, weights: Pairs, cut: Cut) -> None:
    if isinstance(ours, keras.mixed_precision.LossScaleOptimizer) and ours.dynamic:
        theirs._loss_scale.current_loss_scale.assign(ours._loss_scale.current_loss_scale)
        theirs.dynamic_counter.assign(ours.dynamic_counter)
    ours, theirs = unscaled(ours), unscaled(theirs)
    if isinstance(ours, keras.optimizers.Optimizer):
        _copy_slots(ours, theirs, weights, cut)
    else:
        _copy_slots_of_legacy(ours, theirs, weights, cut)


def _copy_slots(ours: Any, theirs: Any, weights: Pairs, cut: Cut) -> None:
    if excluded := getattr(ours, "_exclude_from_weight_decay", None):
        theirs._exclude_from_weight_decay = [
            theirs._var_key(copy) for one, copy in weights if ours._var_key(one) in excluded
        ]
    if names := getattr(ours, "_exclude_from_weight_decay_names", None):
        theirs._exclude_from_weight_decay_names = list(names)
    places = index_of(ours)
    if not places:
        return
    known = {ours._var_key(one): copy for one, copy in weights}
    theirs.build([known[key] for key in sorted(places, key=lambda key: places[key])])
    owners = weight_of_slots(ours, [one for one, _ in weights])
    for variable, copied in zip(ours.variables, theirs.variables, strict=True):
        owner = owners.get(id(variable))
        copied.assign(variable if owner is None else cut(owner, variable))
    for (_, variable), (_, copied) in zip(unlisted(ours), unlisted(theirs), strict=True):
        copied.assign(variable)
    if isinstance(ours, keras.optimizers.Nadam):
        NadamCount(theirs).assign(NadamCount(ours).numpy())


def _copy_slots_of_legacy(ours: Any, theirs: Any, weights: Pairs, cut: Cut) -> None:
    known = [(one, copied) for one, copied in weights if one._unique_id in ours._slots]
    theirs._create_all_weights([copied for _, copied in known])
    theirs.iterations.assign(ours.iterations)
    for one, copied in known:
        for name in ours._slots[one._unique_id]:
            theirs.get_slot(copied, name).assign(cut(one, ours.get_slot(one, name)))
