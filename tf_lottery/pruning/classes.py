"""A model's own class, with what its methods use, given to a copy of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from absl import logging

from tf_lottery.lazy_tf import keras, tf

# What Keras itself sets on a model, beside names that begin with an underscore.
_KERASS = frozenset({
    "built", "compiled_loss", "compiled_metrics", "history", "inputs", "loss", "loss_weights", "name", "optimizer",
    "output_names", "outputs", "input_names", "input_spec", "predict_function", "stop_training", "test_function",
    "train_function", "train_tf_function", "autotune_steps_per_execution", "supports_masking",
})  # fmt: skip


def carry_class(model: Any, copy: Any, made: Mapping[int, Any]) -> None:
    """Make a plain copy one of the model's class, and give it the attributes that methods of this class name.

    Args:
        model: Sequential or functional, of any class.
        copy: A copy of its layers and their connections.
        made: Copies of its layers by the `id` of these.

    Raises:
        ValueError: The model has weights that belong to none of its layers.
    """
    copy._trainable = model._trainable
    if _is_kerass(type(model)):
        return
    copy.__class__ = type(model)
    shared = []
    for name in sorted(_used_names(type(model)) & vars(model).keys() - _KERASS - _private_to_keras()):
        value = vars(model)[name]
        if isinstance(value, tf.Variable):
            raise ValueError(
                f"{model.name}.{name} is a weight of the model ({type(model).__name__}) and of none of its layers, so "
                "that it would be lost. Expected all weights in layers: put it into a layer of its own."
            )
        if isinstance(value, keras.metrics.Metric):
            value = type(value).from_config(value.get_config())
        elif isinstance(value, keras.layers.Layer) and made.get(id(value), value) is value:
            shared.append(name)
        setattr(copy, name, made.get(id(value), value))
    if shared:
        logging.warning("shared with the model that was copied, not copied: %s", ", ".join(shared))


def _used_names(kind: type) -> set[str]:
    """Return every name that the code of a class names, as far as it is not Keras' own."""
    functions = [
        getattr(each, "fget", getattr(each, "__func__", each))
        for base in kind.__mro__
        if not _is_kerass(base)
        for each in vars(base).values()
    ]
    return {name for each in functions if hasattr(each, "__code__") for name in _names(each.__code__)}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _private_to_keras() -> set[str]:
    names = {name for base in keras.Model.__mro__ for each in vars(base).values() for name in _of(each)}
    return {name for name in names if name.startswith("_")}


def _of(function: Any) -> Iterator[str]:
    function = getattr(function, "__wrapped__", getattr(function, "fget", function))
    return _names(function.__code__) if hasattr(function, "__code__") else iter(())


def _is_kerass(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("tf_keras", "tensorflow", "builtins")
