"""Training some layers only: what the others have is put back after each step, in weights and in slots."""

from __future__ import annotations

from typing import Any, Literal

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.cloning import flat_layers, inner_layer
from tf_lottery.pruning.slots import slots_of

Trained = Literal["all", "dense", "convolutional"]


class HeldLayers:
    """Which layers stay as they are: a value that is put in, so that nothing is traced anew.

    Forward and backward passes go through all layers: this saves no time.
    """

    def __init__(self, model: Any) -> None:
        """Hold nothing yet.

        Args:
            model: With its optimizer, whose slots are there.
        """
        self._held = {kind: tf.Variable(False, trainable=False, name=f"{kind}_held") for kind in ("dense", "other")}
        dense = {
            weight.ref()
            for layer in map(inner_layer, flat_layers(model))
            if isinstance(layer, keras.layers.Dense)
            for weight in layer.weights
        }
        slots = slots_of(model)
        self._variables = [
            (variable, self._held["dense" if weight.ref() in dense else "other"])
            for weight in model.trainable_variables
            for variable in (weight, *slots[weight.ref()])
        ]

    def put(self, trained: Trained) -> None:
        """Train all layers, the dense ones, or all others."""
        self._held["dense"].assign(trained == "convolutional")
        self._held["other"].assign(trained == "dense")

    def values(self) -> list[Any]:
        """Return what all variables have before a step."""
        return [tf.identity(variable) for variable, _ in self._variables]

    def put_back(self, values: list[Any]) -> None:
        """Put back what is held."""
        for (variable, held), value in zip(self._variables, values, strict=True):
            variable.assign(tf.where(held, value, variable))
