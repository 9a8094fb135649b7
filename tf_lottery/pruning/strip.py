"""`strip(model)`: the plain Keras model, with zeros where masks were."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.prunable import check_model, clone, copy_weights, flat_layers
from tf_lottery.pruning.wrapper import Masked


def strip(model: Any) -> Any:
    """Return a plain Keras model of the same outputs, sharing nothing with the prunable one; not compiled."""
    check_model(model)

    def unwrap(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return clone(layer, unwrap)
        inner = layer.layer if isinstance(layer, Masked) else layer
        config = inner.get_config()
        if hasattr(layer, "_batch_input_shape"):  # the first layer of a Sequential model
            config["batch_input_shape"] = layer._batch_input_shape
        return inner.__class__.from_config(config)

    for layer in flat_layers(model):
        if isinstance(layer, Masked):
            layer.apply_masks()  # an optimizer's moving averages (use_ema) are written past the constraint
    plain = clone(model, unwrap)
    copy_weights(model, plain)
    return plain
