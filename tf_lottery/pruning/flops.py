"""FLOPs and parameters of a network, as it is and with zero weights costing nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.prunable import flat_layers
from tf_lottery.pruning.wrapper import Masked


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Of one forward pass of one example."""

    dense: int
    effective: int  # zero weights cost nothing


def flops(model: Any) -> Flops:
    """Return the FLOPs by the rule that gives the authors' published counts.

    Multiply-adds of kernels count once, those of dense layers twice; 1 for each bias of a dense layer and each output
    of a convolution with biases; 2 for each output of a batch norm and of a ReLU; all else 0. So ResNet-20, 56 and
    110 on CIFAR-10 have 41,886,986, 128,197,898 and 257,664,266, as in the published data (the rule is not in the
    authors' release; these three numbers fit it exactly). Each place of a layer in a model counts; other layers with
    kernels (recurrent, embeddings, transposed convolutions) count nothing.
    """
    dense = effective = 0
    for layer in flat_layers(model):
        inner = layer.layer if isinstance(layer, Masked) else layer
        all_, nonzero = _cost(inner, layer.output_shape)
        dense, effective = dense + all_, effective + nonzero
    return Flops(dense=dense, effective=effective)


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


def _cost(layer: Any, output_shape: Any) -> tuple[int, int]:
    """Return the FLOPs of one layer, dense and effective."""
    layers = keras.layers
    outputs = math.prod(size or 1 for size in output_shape[1:]) if isinstance(output_shape, tuple) else 0
    rectifies = isinstance(layer, layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu
    fixed = 2 * outputs if rectifies or isinstance(layer, layers.BatchNormalization) else 0
    if type(layer) is layers.Dense:
        each = 2 * outputs // layer.units
        fixed += outputs if layer.use_bias else 0
    elif type(layer) in (layers.Conv1D, layers.Conv2D, layers.Conv3D):
        each = outputs // layer.filters
        fixed += outputs if layer.use_bias else 0
    else:
        return fixed, fixed
    kernel = layer.kernel.numpy()
    return each * kernel.size + fixed, each * int(np.count_nonzero(kernel)) + fixed
