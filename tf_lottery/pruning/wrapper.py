"""`Masked`: TF-MOT's pruning wrapper whose mask is set from outside and held after every step.

TF-MOT's own `PruneLowMagnitude` ranks each layer on its own while training and multiplies the mask in at the forward
pass, so that momentum leaves masked weights nonzero after each step. Here the mask is a constraint on the kernel,
which Keras applies right after each optimizer update, in the same compiled step.
"""

from __future__ import annotations

import inspect
from typing import Any

from tf_lottery.lazy_tf import keras, tf, tfmot, tfmot_wrapper
from tf_lottery.pruning import kernels
from tf_lottery.pruning.copies import whole_copy
from tf_lottery.pruning.held import hold, masked


@keras.utils.register_keras_serializable(package="tf_lottery")
class NeverUpdate(tfmot.sparsity.keras.PruningSchedule):
    """A TF-MOT schedule under which masks stay as they were set."""

    def __call__(self, step: Any) -> tuple[Any, Any]:
        """Return that there is nothing to update."""
        del step
        return tf.constant(False), tf.constant(0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the name to load this by."""
        return {"class_name": "tf_lottery>NeverUpdate", "config": {}}


@keras.utils.register_keras_serializable(package="tf_lottery")
class Masked(tfmot_wrapper.PruneLowMagnitude):
    """A layer whose kernels are held to masks; `layer` is the layer itself.

    It has the layer's name and takes what the layer takes: masks of sequences, training, initial states. A layer that
    has weights already is copied with them, and goes on in the model that it comes from as it was.

    `pruning_vars` has (weight, mask, threshold) for each kernel, as in TF-MOT; masks are of the kernel's dtype, ones
    at first. `tf_lottery.prune` sets them. Every optimizer's update is masked, and so are the moving averages that an
    optimizer with use_ema puts in the weights' place; what is written past the optimizer by `assign` is not, until
    `apply_masks`. The gradients of pruned weights are not masked, only what becomes of them: an optimizer with
    clipnorm or global_clipnorm counts them into its norms, as it does under TF-MOT's own wrapper.
    """

    def __init__(self, layer: Any, *, name: str | None = None, in_place: bool = False, **kwargs: Any) -> None:
        """Wrap a layer.

        Args:
            layer: One that TF-MOT can prune.
            name: The layer's own if None.
            in_place: Wrap the layer itself also if it has weights; wherever else it is used, it is pruned too.
            **kwargs: Of every Keras layer, such as input_shape.

        Raises:
            TypeError: Not a Keras 2 layer, or an argument of TF-MOT's schedules.
            ValueError: TF-MOT cannot prune such a layer, or it is wrapped already.
        """
        _check(layer, kwargs)
        if layer.weights and not in_place:
            layer = whole_copy(layer)
        if "trainable" in kwargs:
            layer.trainable = kwargs.pop("trainable")
        # The layer alone casts its inputs, once.
        kwargs = {"dtype": layer._dtype_policy, "autocast": layer._autocast, **kwargs}
        super().__init__(layer, pruning_schedule=NeverUpdate(), **kwargs)
        self._name = name or layer.name  # TF-MOT puts its own before it
        self.supports_masking = layer.supports_masking
        self.stateful = layer.stateful
        parameters = inspect.signature(layer.call).parameters
        takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        # What Keras passes by itself to every layer that takes any keyword, as this one does.
        self._not_taken = [] if takes_all else [name for name in ("mask", "training") if name not in parameters]
        if layer.built and layer.weights and not in_place:
            self.build(layer._build_input_shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer."""
        if args and not self.built:
            kernels.build_for_call(self.layer, *args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return what the layer has of this name: `kernel`, `units` and the like."""
        layer = vars(self).get("layer")
        if layer is None or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(layer, name)

    def build(self, input_shape: Any) -> None:
        if self.built:
            return
        kernels.build(self.layer, input_shape)
        with tf.name_scope(f"{self.layer.name}/"):
            super().build(input_shape)
        self.supports_masking = self.layer.supports_masking  # a user's layer may say so as late as here
        for weight, mask, _ in self.pruning_vars:
            hold(weight, mask)

    def add_weight(self, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Add a mask, a threshold or a step; several of a layer are numbered, as .h5 files need it."""
        taken = {weight.name.rpartition("/")[2].removesuffix(":0") for weight in self._non_trainable_weights}
        number = next(number for number in range(len(taken) + 1) if _numbered(name, number) not in taken)
        return super().add_weight(_numbered(name, number), *args, **kwargs)

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the layer: its kernels are masked already."""
        return self.layer(inputs, *args, **{key: value for key, value in kwargs.items() if key not in self._not_taken})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the layer's mask of its outputs: which steps of a sequence count."""
        return self.layer.compute_mask(inputs, mask)

    def reset_states(self, states: Any = None) -> None:
        """Reset the states of a stateful recurrent layer."""
        self.layer.reset_states(states)

    def set_weights(self, weights: Any) -> None:
        """Set the wrapped layer's weights, masked."""
        super().set_weights(weights)
        self.apply_masks()

    def apply_masks(self) -> None:
        """Set every weight that its mask does not keep to 0."""
        for weight, mask, _ in self.pruning_vars:
            weight.assign(masked(weight, mask))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's config and nothing of TF-MOT's schedule."""
        return {name: value for name, value in super().get_config().items() if name in ("name", "layer", "dtype")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Masked:
        """Return the wrapper of the layer in this config."""
        return cls(keras.layers.deserialize(config["layer"]), name=config.get("name"))


def _check(layer: Any, arguments: dict[str, Any]) -> None:
    if not isinstance(layer, keras.layers.Layer):
        kind = f"{type(layer).__module__}.{type(layer).__qualname__}"
        raise TypeError(f"layer is {layer!r} ({kind}); expected a layer of Keras 2 (tf_keras).")
    kind = f"{layer.name} ({type(layer).__name__})"
    if isinstance(layer, tfmot_wrapper.PruneLowMagnitude):
        raise ValueError(f"{kind} is wrapped already; expected a plain layer, as {layer.name}.layer is.")
    if not kernels.can_be_wrapped(layer):
        raise ValueError(
            f"{kind} cannot be pruned by TF-MOT. Expected one of Keras' own layers with kernels, or a layer that is a "
            "tfmot.sparsity.keras.PrunableLayer and says itself which of its weights are prunable."
        )
    if unused := {"pruning_schedule", "block_size", "block_pooling_type", "sparsity_m_by_n"} & arguments.keys():
        raise TypeError(
            f"{', '.join(sorted(unused))}: masks are set by tf_lottery.prune, not by a schedule. Leave it out."
        )


def _numbered(name: str | None, number: int) -> str:
    return f"{name}_{number}" if number else str(name)
