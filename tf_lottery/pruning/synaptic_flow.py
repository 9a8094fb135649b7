"""Synaptic flow: the gradient of the sum of outputs in a network whose weights are all absolute (SynFlow)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.cloning import clone, paired_weights
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.masks import Kernel, Mask


class SynapticFlow:
    """dR/dw of each kernel, R the sum of the outputs for an input of ones (Tanaka et al. 2020).

    In float64, since products of layers leave float32; all weights are absolute, batch norm's statistics too, and batch
    norm is in inference mode (ganguli-lab/Synaptic-Flow, Pruners/pruners.py).
    """

    def __init__(self, model: Any) -> None:
        """Copy the model."""
        copy = clone(model, lambda layer, plain: _double(plain))
        pairs = list(paired_weights(model, copy))
        for _, weight in pairs:
            weight.assign(tf.abs(weight))
        twins = {id(getattr(ours, "_variable", ours)): theirs for ours, theirs in pairs}
        kernels = prunable_kernels(model)
        self._kernels = {name: twins[id(getattr(weight, "_variable", weight))] for name, weight, _ in kernels}
        self._values = {name: weight.numpy() for name, weight in self._kernels.items()}
        ones = [tf.ones([1, *_known(each)], each.dtype) for each in copy.inputs]
        weights = list(self._kernels.values())

        @tf.function
        def gradients() -> list[Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                outputs = copy(ones if len(ones) > 1 else ones[0], training=False)
                total = tf.add_n([tf.reduce_sum(each) for each in tf.nest.flatten(outputs)])
            found = tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.convert_to_tensor(each) for each in found]

        self._gradients = gradients

    def __call__(self, masks: Mapping[str, Mask]) -> Mapping[str, Kernel]:
        """Return the gradient of each kernel under these masks, [*kernel], float64.

        Raises:
            CannotCollectError: A number is not finite.
        """
        for name, weight in self._kernels.items():
            weight.assign(np.where(masks[name] != 0, self._values[name], 0))
        found = dict(zip(self._kernels, (each.numpy() for each in self._gradients()), strict=True))
        if not all(np.isfinite(each).all() for each in found.values()):
            raise ValueError(
                "synaptic flow is not a finite number: a weight is not, or the network is too deep for it."
            )
        return found


def _double(layer: Any) -> Any:
    """Return the layer in float64; its weights are copied by `clone`."""
    config = layer.get_config()
    dtype = config.get("dtype", "float32")
    if isinstance(dtype, str) and not tf.as_dtype(dtype).is_floating:
        return layer
    return type(layer).from_config(config | {"dtype": "float64"})


def _known(tensor: Any) -> list[int]:
    """Return the shape of one example, 1 where it may be any."""
    return [1 if size is None else int(size) for size in tensor.shape[1:]]
