"""The kernels of a model that have masks."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.cloning import masked_layers


def prunable_kernels(model: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, weights, mask) of every kernel with a mask, each once, in the order of the layers.

    Names are unique: the variable's own, with #2 and so on where models inside the model repeat one.

    Raises:
        TypeError: Not a Keras model.
        ValueError: The model has none.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"the model is {model!r} ({type(model).__name__}); expected what tf_lottery.prunable(model) returned."
        )
    found: dict[str, tuple[str, Any, Any]] = {}
    for layer in masked_layers(model):
        for weight, mask, _ in layer.pruning_vars:
            plain = weight.name.removesuffix(":0")
            name, number = plain, 1
            while name in found:
                number += 1
                name = f"{plain}#{number}"
            found[name] = (name, weight, mask)
    if not found:
        raise ValueError("the model has no masks. Expected one that tf_lottery.prunable(model) returned.")
    return list(found.values())
