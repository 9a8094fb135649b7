"""FLOPs and parameters of a network, as it is and with zero weights costing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from absl import logging

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.calls import Call, calls
from tf_lottery.pruning.cloning import check_model, flat_layers
from tf_lottery.pruning.flop_counts import Flops
from tf_lottery.pruning.layer_flops import count
from tf_lottery.pruning.predictions import reason_of

__all__ = ["Flops", "Parameters", "flops", "parameters"]


def flops(model: Any, *, inputs: Any = None) -> Flops:
    """Return the FLOPs of one example by the rule that gives the authors' published counts.

    Multiply-adds of convolutions count once, those of other products of matrices twice; 1 for each output of a layer
    with biases; 2 for each output of a normalisation and of a ReLU; all else 0. So ResNet-20, 56 and 110 on CIFAR-10
    have 41,886,986, 128,197,898 and 257,664,266, as in the published data. The rule is not in the authors' release:
    these three numbers fit it exactly, and these networks have dense layers, convolutions, batch norms and ReLUs,
    and poolings and sums that count 0. The other layers of Keras follow from it:

    | layer | multiply-adds, for each example | each counts |
    |---|---|---|
    | Conv1D to 3D, also in groups | weights x positions of the output | 1 |
    | DepthwiseConv, SeparableConv | the same, of each kernel | 1 |
    | Conv1DTranspose to 3DTranspose | weights x positions of the input | 1 |
    | LocallyConnected1D, 2D | weights | 1 |
    | ConvLSTM1D to 3D | weights of both kernels x positions of the output x steps | 1 |
    | Dense, EinsumDense | weights x rows (all indices that the kernel has not) | 2 |
    | SimpleRNN, GRU, LSTM, RNN of such cells | weights of both kernels x steps | 2 |
    | Attention, AdditiveAttention, MultiHeadAttention | query x value pairs x features, for scores and for values | 2 |
    | Dot | outputs x the size of the axis that goes | 2 |
    | Embedding, pooling, sums and other element-wise layers | none | |

    A recurrent cell adds each of its biases at each step. Each call of a layer counts, on the shapes of that call, in
    models inside models and in blocks of layers of your own too. A layer that none of this fits counts nothing, and
    is named in the log if it has kernels; so do operations that are called past layers, such as `tf.matmul`.

    Args:
        model: Of Keras 2, with masks or without; one that is subclassed must have been called.
        inputs: A batch as the model takes it, of which only the shapes matter; needed where the model's own input
            leaves sizes open. FLOPs are those of one of its examples.

    Raises:
        TypeError: Not a Keras 2 model.
        ValueError: Sizes are not known, or the model cannot take the inputs.
    """
    counter = FlopCounter(model, inputs=inputs)
    found = counter.count()
    _name_the_rest(model, counter.known)
    return found


class FlopCounter:
    """Counts one model again and again, as its weights change: which layers it calls is looked up once."""

    def __init__(self, model: Any, *, inputs: Any = None) -> None:
        """Look up the calls; arguments and errors are those of `flops`."""
        _check(model)
        specs, self._whole = _traced(model) if inputs is None else _traced_on(model, inputs)
        self._examples = tf.nest.flatten(specs)[0].shape[0]
        self.known: set[int] = set()  # the `id` of each weight that a formula knows, when it has counted

    def count(self) -> Flops:
        """Return the FLOPs of one example, with the weights as they are now."""
        total = count(self._whole, self.known)
        uses = {kernel: each // self._examples for kernel, each in total.uses.items()}
        return Flops(dense=total.dense // self._examples, effective=total.effective // self._examples, uses=uses)


def _check(model: Any) -> None:
    if not isinstance(model, keras.Model):
        check_model(model)
    if not model.built or model.save_spec() is None:
        raise ValueError(
            f"{model.name} has no shapes yet; expected a model that is built. Call it on a batch, or give its first "
            "layer an input shape."
        )


def _traced(model: Any) -> tuple[Any, Call]:
    specs = _own_specs(model)
    return specs, calls(model, specs)


def _traced_on(model: Any, inputs: Any) -> tuple[Any, Call]:
    try:
        specs = _specs_of(inputs)
        return specs, calls(model, specs)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        reason = reason_of(error)
        raise ValueError(
            f"inputs: the model cannot take them ({reason}). Expected a batch as for `predict`."
        ) from error


def _own_specs(model: Any) -> Any:
    """Return what the model takes: one example, unless it has a batch size, or has seen one and no input shape."""

    def sized(spec: Any) -> Any:
        if spec.shape.rank is None or None in spec.shape[1:]:
            raise ValueError(
                f"{model.name} takes inputs of shape {tuple(spec.shape)}; expected known sizes, on which FLOPs depend. "
                "Give a batch of one size: flops(model, inputs=...)."
            )
        return type(spec)((spec.shape[0] or 1, *spec.shape[1:]), spec.dtype)

    return tf.nest.map_structure(sized, model.save_spec(dynamic_batch=False)[0][0])


def _specs_of(inputs: Any) -> Any:
    def spec(each: Any) -> Any:
        found = tf.type_spec_from_value(each if tf.is_tensor(each) else tf.convert_to_tensor(each))
        if not found.shape.rank or found.shape[0] == 0:
            raise ValueError(f"{each!r} is no batch")
        return found

    return tf.nest.map_structure(spec, inputs)


def _name_the_rest(model: Any, counted: set[int]) -> None:
    """Log which layers have kernels that no formula knows."""
    # Layers come after those that they are in: the innermost stays.
    owners = {
        id(weight): layer for layer in model._flatten_layers() for weight in layer.weights if weight.shape.rank > 1
    }
    rest = {
        layer.name: type(layer).__name__
        for weight, layer in owners.items()
        # What a wrapper has itself is bookkeeping: masks, norms.
        if weight not in counted and not isinstance(layer, keras.layers.Wrapper)
    }
    if rest:
        named = ", ".join(f"{name} ({kind})" for name, kind in rest.items())
        logging.warning("flops: no formula for these layers, whose kernels count nothing: %s", named)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Of a model, masks and other bookkeeping left out."""

    all: int
    nonzero: int


def parameters(model: Any) -> Parameters:
    """Count weights, trainable or not, and those that are not exactly 0."""
    arrays = [array for layer in flat_layers(model) for array in layer.get_weights()]
    return Parameters(
        all=sum(array.size for array in arrays), nonzero=sum(int(np.count_nonzero(array)) for array in arrays)
    )
