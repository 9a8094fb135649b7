"""Which layers a model calls, on which shapes: each call once, in models inside models and in blocks of layers too."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tf_lottery.lazy_tf import keras, tf

Shape = tuple[int | None, ...]
_ONE_AT_A_TIME = threading.Lock()


@dataclass(kw_only=True)
class Call:
    """One call of a layer, and the calls that the layer itself made meanwhile."""

    layer: Any
    inputs: list[Shape]
    outputs: list[Shape]
    inner: list[Call] = field(default_factory=list)


def calls(model: Any, specs: Any) -> Call:
    """Return the call of the model on inputs of these specs; nothing is computed.

    The graph of a functional model knows its calls, but not those inside a block, nor on which shapes a model inside
    it is called: so the model is traced once, as `predict` does, and every call written down.

    Args:
        model: Any Keras model.
        specs: A `tf.TypeSpec` for each input, in the structure that the model takes.
    """
    whole = Call(layer=None, inputs=[], outputs=[])
    with _recorded_under(whole):
        tf.function(model).get_concrete_function(specs, training=False)
    return whole.inner[0]


Original = Callable[..., Any]  # (*args, **kwargs) -> the layer's outputs


@contextmanager
def intercepted(around: Callable[[Any, Original, tuple[Any, ...], dict[str, Any]], Any]) -> Iterator[None]:
    """Have each call of a layer go through `around`: (the layer, what calls it, args, kwargs) -> its outputs.

    Only calls of this thread, and one of these at a time in a process.
    """
    original, here = keras.layers.Layer.__call__, threading.get_ident()

    # Keeps the original's name and module: AutoGraph asks by these whether it may convert.
    @functools.wraps(original)
    def intercepting(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != here:
            return original(layer, *args, **kwargs)
        return around(layer, functools.partial(original, layer), args, kwargs)

    with _ONE_AT_A_TIME:
        keras.layers.Layer.__call__ = intercepting
        try:
            yield
        finally:
            keras.layers.Layer.__call__ = original


@contextmanager
def _recorded_under(whole: Call) -> Iterator[None]:
    open_calls = [whole]

    def around(layer: Any, original: Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = Call(layer=layer, inputs=_shapes((args, kwargs)), outputs=[])
        # On Keras's placeholders nothing is computed: a Sequential model without an input shape lays its graph anew.
        if not any(hasattr(each, "type_spec") for each in tf.nest.flatten((args, kwargs))):
            open_calls[-1].inner.append(call)
        open_calls.append(call)
        try:
            outputs = original(*args, **kwargs)
        finally:
            open_calls.pop()
        call.outputs = _shapes(outputs)
        return outputs

    with intercepted(around):
        yield


def _shapes(tensors: Any) -> list[Shape]:
    flat = tf.nest.flatten(tensors)
    return [tuple(each.shape) if each.shape.rank is not None else () for each in flat if tf.is_tensor(each)]
