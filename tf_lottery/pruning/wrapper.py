"""`Masked`: TF-MOT's pruning wrapper whose mask is set from outside and held after every step.

TF-MOT's own `PruneLowMagnitude` ranks each layer on its own while training and multiplies the mask in at the forward
pass, so that momentum leaves masked weights nonzero after each step. Here the mask is a constraint on the kernel,
which Keras applies right after each optimizer update, in the same compiled step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tf_lottery.lazy_tf import keras, tf, tfmot, tfmot_wrapper

# Which argument of a layer constrains which of its weights.
_CONSTRAINTS = {
    "kernel": "kernel_constraint",
    "recurrent_kernel": "recurrent_constraint",
    "pointwise_kernel": "pointwise_constraint",
    "embeddings": "embeddings_constraint",
}
_KERNELS = {
    ("kernel",): (
        "Dense", "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "LocallyConnected1D",
        "LocallyConnected2D",
    ),
    ("pointwise_kernel",): ("SeparableConv1D", "SeparableConv2D"),
    ("embeddings",): ("Embedding",),
    ("kernel", "recurrent_kernel"): ("LSTMCell", "GRUCell", "SimpleRNNCell"),
}  # fmt: skip
_KERNELS_OF = {getattr(keras.layers, name): attributes for attributes, names in _KERNELS.items() for name in names}
_RECURRENT = tuple(getattr(keras.layers, name) for name in ("LSTM", "GRU", "SimpleRNN", "RNN"))


def kernels_of(layer: Any) -> list[tuple[Any, str]]:
    """Return where a layer's prunable weights are: the layer or its cell, and the attribute; [] if it has none.

    By exact class, as TF-MOT has it: a subclass may use its kernel in any way.
    """
    owners = [layer]
    if type(layer) in _RECURRENT:
        cell = layer.cell
        owners = list(cell.cells) if isinstance(cell, keras.layers.StackedRNNCells) else [cell]
    if not all(type(owner) in _KERNELS_OF for owner in owners):
        return []
    return [(owner, attribute) for owner in owners for attribute in _KERNELS_OF[type(owner)]]


@keras.utils.register_keras_serializable(package="tf_lottery")
class HeldMask(keras.constraints.Constraint):
    """Sets to exactly 0 what a mask does not keep, after the layer's own constraint if it has one."""

    def __init__(self, inner: Any = None) -> None:
        self._inner = inner
        self.mask: Any = None  # a variable in the kernel's shape, put in when there is one

    def __call__(self, weights: Any) -> Any:
        """Return the weights, masked."""
        if self._inner is not None:
            weights = self._inner(weights)
        if self.mask is None:
            return weights
        # Not a product: that makes -0.0 of negative weights and keeps NaN.
        return tf.where(self.mask != 0, weights, tf.zeros_like(weights))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's own constraint."""
        return {"inner": keras.constraints.serialize(self._inner) if self._inner else None}


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
    """A layer whose kernels are held to masks.

    `pruning_vars` has (weight, mask, threshold) for each kernel, as in TF-MOT; masks are of the kernel's dtype, ones
    at first. `tf_lottery.prune` sets them. Every optimizer's update is masked; what is written past the optimizer (by
    `assign`, or at the end of `fit` by an optimizer with use_ema) is not, until `apply_masks`.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        """Wrap a layer that TF-MOT can prune."""
        # TF-MOT names the wrapper itself, and its arguments have no meaning where masks are set from outside.
        ignored = ("name", "pruning_schedule", "block_size", "block_pooling_type", "sparsity_m_by_n")
        kept = {name: value for name, value in kwargs.items() if name not in ignored}
        super().__init__(layer, pruning_schedule=NeverUpdate(), **kept)

    def build(self, input_shape: Any) -> None:
        with ExitStack() as stack:
            held = [stack.enter_context(_constrained(owner, name)) for owner, name in kernels_of(self.layer)]
            # The kernel's name is the layer's, whether or not it is wrapped.
            stack.enter_context(tf.name_scope(f"{self.layer.name}/"))
            self.layer.build(input_shape)
            self.layer.built = True
        super().build(input_shape)
        for (weight, mask, _), constraint in zip(self.pruning_vars, held, strict=True):
            if weight.constraint is None and not _is_distributed(weight):
                raise ValueError(
                    f"{self.layer.name} was built before it was wrapped, so that its mask cannot be held. Expected a "
                    "layer without weights; use tf_lottery.prunable(model), which makes one."
                )
            constraint.mask = mask

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the layer: its kernels are masked already."""
        return self.layer(inputs, *args, **kwargs)

    def set_weights(self, weights: Any) -> None:
        """Set the wrapped layer's weights, masked."""
        super().set_weights(weights)
        self.apply_masks()

    def apply_masks(self) -> None:
        """Set every weight that its mask does not keep to 0."""
        for weight, mask, _ in self.pruning_vars:
            weight.assign(tf.where(mask != 0, weight, tf.zeros_like(weight)))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's config and nothing of TF-MOT's schedule."""
        return {name: value for name, value in super().get_config().items() if name in ("name", "layer", "dtype")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Masked:
        """Return the wrapper of the layer in this config."""
        return cls(keras.layers.deserialize(config["layer"]))


@contextmanager
def _constrained(owner: Any, attribute: str) -> Iterator[HeldMask]:
    """Have the owner create this weight under a held mask; its configuration is as before afterwards."""
    name = _CONSTRAINTS[attribute]
    own = getattr(owner, name)
    held = HeldMask(own)
    setattr(owner, name, held)
    try:
        yield held
    finally:
        setattr(owner, name, own)


def _is_distributed(weight: Any) -> bool:
    return isinstance(weight, tf.distribute.DistributedValues)
