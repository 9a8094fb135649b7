"""Which layers a model calls, on which shapes: each call once, in models inside models and in blocks of layers too."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
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
    with _ONE_AT_A_TIME, _recorded_under(whole):
        tf.function(model).get_concrete_function(specs, training=False)
    return whole.inner[0]


@contextmanager
def _recorded_under(whole: Call) -> Iterator[None]:
    original, here, open_calls = keras.layers.Layer.__call__, threading.get_ident(), [whole]

    # Keeps the original's name and module: AutoGraph asks by these whether it may convert.
    @functools.wraps(original)
    def recording(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != here:
            return original(layer, *args, **kwargs)
        call = Call(layer=layer, inputs=_shapes((args, kwargs)), outputs=[])
        # On Keras's placeholders nothing is computed: a Sequential model without an input shape lays its graph anew.
        if not any(hasattr(each, "type_spec") for each in tf.nest.flatten((args, kwargs))):
            open_calls[-1].inner.append(call)
        open_calls.append(call)
        try:
            outputs = original(layer, *args, **kwargs)
        finally:
            open_calls.pop()
        call.outputs = _shapes(outputs)
        return outputs

    keras.layers.Layer.__call__ = recording
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = original


def _shapes(tensors: Any) -> list[Shape]:
    flat = tf.nest.flatten(tensors)
    return [tuple(each.shape) if each.shape.rank is not None else () for each in flat if tf.is_tensor(each)]
