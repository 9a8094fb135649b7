"""A layer made anew, the same in all that it was configured with and all that was set on it."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
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
    if _is_more_than_its_configuration(layer):
        return whole_copy(layer, made)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what cannot be loaded again without its code: nothing is, here
            made_anew = type(layer).from_config(layer.get_config())
            _copy_vocabulary(layer, made_anew)
    except Exception:  # noqa: BLE001 - whatever a user's class does; the other way is tried, and says what it meets
        return whole_copy(layer, made)
    return made_anew if is_kerass_own(layer) or _alike(layer, made_anew) else whole_copy(layer, made)


def _is_more_than_its_configuration(layer: Any) -> bool:
    if isinstance(layer, keras.Model):  # a subclassed one: its own is empty
        return getattr(layer.get_config, "_is_default", False)
    # That of a Lambda has the bytes of its function, without its globals; one that was adapted is built of no shape.
    adapted = hasattr(layer, "adapt") and not hasattr(layer, "get_vocabulary")
    return adapted or isinstance(layer, keras.layers.Lambda)


def _copy_vocabulary(layer: Any, other: Any) -> None:
    """Give a lookup layer what it learnt by `adapt`, which is neither in its configuration nor in its weights."""
    if hasattr(layer, "get_vocabulary") and layer.get_vocabulary() != other.get_vocabulary():
        words = layer.get_vocabulary(include_special_tokens=False)
        idf = getattr(
            getattr(layer, "_lookup_layer", layer), "idf_weights", None
        )  # those of the special tokens come first
        other.set_vocabulary(words, *([] if idf is None else [idf.numpy()[-len(words) :]]))


def whole_copy(layer: Any, made: Mapping[int, Any] | None = None) -> Any:
    """Return a copy of the layer as an object, with its weights.

    Raises:
        ValueError: It has something that cannot be copied.
    """
    made = made or {}
    if any(_speaks_of(loss, {id(layer), *map(id, layer.weights)}) for loss in layer._callable_losses):
        raise ValueError(
            f"{layer.name} ({type(layer).__name__}) adds a loss by a function of its own weights, which would be those "
            "of the original in a copy. Expected such a loss in its call, or as a regularizer of the weight."
        )
    # By the id of the original what copy.deepcopy copied. What `adapt` compiled cannot be, and is compiled again.
    strategy = tf.distribute.get_strategy()  # of which there may be but one
    copies: dict[int, Any] = {id(vars(part).get("_adapt_function")): None for part in _parts(layer)}
    copies |= {id(strategy): strategy, **made}
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


def differences(one: Any, two: Any) -> list[str]:
    """Return the attributes in which two objects of a class differ, as far as these are plain values or functions.

    A configuration may leave something out. What only one of them has does not count: it may not be built yet.
    """
    return [
        name
        for name, value in vars(one).items()
        if isinstance(value, _PLAIN) and vars(two).get(name) is not None and not np.array_equal(value, vars(two)[name])
    ]


def _alike(layer: Any, other: Any) -> bool:
    ours, theirs = list(layer._flatten_layers()), list(other._flatten_layers())
    if len(ours) != len(theirs):  # not built yet
        ours, theirs = [layer], [other]
    bookkeeping = vars(keras.layers.Layer()).keys()
    found = {name for one, two in zip(ours, theirs, strict=True) for name in differences(one, two)}
    return found <= bookkeeping


def _speaks_of(function: Any, objects: set[int]) -> bool:
    """Return whether a function, or one given to it beforehand, was defined where it saw one of the objects."""
    if isinstance(function, functools.partial):
        return any(_speaks_of(each, objects) for each in (function.func, *function.args))
    return any(id(cell.cell_contents) in objects for cell in getattr(function, "__closure__", None) or ())


@contextmanager
def _alone(layer: Any) -> Iterator[None]:
    """Take the layer out of the models that it is in, for its copy would take all of them along."""
    out: dict[str, Any] = {"_inbound_nodes_value": [], "_outbound_nodes_value": []}
    kept = [(part, {name: vars(part)[name] for name in (*out, "built")}) for part in _parts(layer)]
    for part, _ in kept:
        vars(part).update(out)
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
