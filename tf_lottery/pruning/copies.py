"""A layer made anew, the same in all that it was configured with and all that was set on it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.held import release

_PLAIN: Any = (bool, int, float, str, bytes, np.generic, np.ndarray, FunctionType)


def is_kerass_own(layer: Any) -> bool:
    """Return whether the class is of Keras itself, whose configurations can be relied on."""
    return type(layer).__module__.partition(".")[0] == "tf_keras"


def copy_layer(layer: Any, made: Mapping[int, Any]) -> Any:
    """Return the layer made anew from its configuration; where that does not give the same one, copied as an object.

    Args:
        layer: Any Keras layer.
        made: Copies of other layers of the same model by the `id` of these: what a layer has of them it has of the
            copies.

    Returns:
        A layer that is not built, or one that is and has the weights of the original.

    Raises:
        ValueError: It can be copied neither way; the message says what to write.
    """
    if isinstance(layer, keras.layers.Lambda):  # its configuration has the bytes of a function without its globals
        return whole_copy(layer, made)
    try:
        made_anew = type(layer).from_config(layer.get_config())
    except Exception:  # noqa: BLE001 - whatever a user's class does; the other way is tried, and says what it meets
        return whole_copy(layer, made)
    return made_anew if is_kerass_own(layer) or _alike(layer, made_anew) else whole_copy(layer, made)


def whole_copy(layer: Any, made: Mapping[int, Any] | None = None) -> Any:
    """Return a copy of the layer as an object, with its weights.

    Raises:
        ValueError: It has something that cannot be copied.
    """
    made = made or {}
    copies = dict(made)  # by the id of the original: what copy.deepcopy copied
    try:
        with _alone(layer):
            found = copy.deepcopy(layer, copies)
    except Exception as error:
        raise ValueError(
            f"{layer.name} ({type(layer).__name__}) cannot be copied: {error}. Expected a layer that Keras makes anew "
            "from its configuration: give the class a get_config with all arguments of its __init__."
        ) from error
    for part in _parts(layer):
        if id(part) not in made:
            vars(copies[id(part)])["built"] = part.built
            # TF-MOT puts this on layers that it knows: a function that speaks of the original's weights.
            vars(copies[id(part)]).pop("get_prunable_weights", None)
    for weight in layer.weights:
        if id(weight) in copies:
            release(copies[id(weight)])
    return found


def differences(one: Any, two: Any, *, but: Collection[str]) -> list[str]:
    """Return the attributes in which two objects of a class differ, as far as these are plain values or functions.

    A configuration may leave something out. What only one of them has does not count: it may not be built yet.
    """
    return [
        name
        for name, value in vars(one).items()
        if name not in but
        and isinstance(value, _PLAIN)
        and vars(two).get(name) is not None
        and not np.array_equal(value, vars(two)[name])
    ]


def _alike(layer: Any, other: Any) -> bool:
    ours, theirs = list(layer._flatten_layers()), list(other._flatten_layers())
    if len(ours) != len(theirs):  # not built yet
        ours, theirs = [layer], [other]
    bookkeeping = vars(keras.layers.Layer()).keys()
    return not any(differences(one, two, but=bookkeeping) for one, two in zip(ours, theirs, strict=True))


@contextmanager
def _alone(layer: Any) -> Iterator[None]:
    """Take the layer out of the models that it is in, for its copy would take all of them along."""
    kept = [
        (part, {name: vars(part)[name] for name in ("_inbound_nodes_value", "_outbound_nodes_value", "built")})
        for part in _parts(layer)
    ]
    for part, _ in kept:
        vars(part).update(_inbound_nodes_value=[], _outbound_nodes_value=[])
        if isinstance(part, keras.Model):
            vars(part)["built"] = False  # else Keras would save and load it
    try:
        yield
    finally:
        for part, values in kept:
            vars(part).update(values)


def _parts(layer: Any) -> Iterator[Any]:
    """Yield the layer and those in it, except what is in a functional model: Keras copies that one as a whole."""
    yield layer
    for child in layer._flatten_layers(recursive=False, include_self=False):
        if not getattr(child, "_is_graph_network", False):
            yield from _parts(child)
