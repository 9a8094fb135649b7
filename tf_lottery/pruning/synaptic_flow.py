"""Synaptic flow: the gradient of the sum of outputs in a network whose weights are all absolute (SynFlow)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.cloning import Make, clone, paired_weights
from tf_lottery.pruning.criterion import CannotCollectError
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.masks import Kernel, Mask
from tf_lottery.pruning.refusals import REFUSALS, told


class SynapticFlow:
    """dR/dw of each kernel, R the sum of the outputs for an input of ones (Tanaka et al. 2020).

    In float64, since products of layers leave float32, or where a layer cannot be made so in the model's own type; all
    weights are absolute, batch norm's statistics too, and batch norm is in inference mode (ganguli-lab/Synaptic-Flow,
    Pruners/pruners.py).
    """

    def __init__(self, model: Any) -> None:
        """Copy the model.

        Raises:
            CannotCollectError: It cannot be called on ones, or differentiated.
        """
        try:
            self._copy(model, lambda layer, plain: _double(plain))
        except REFUSALS:
            try:
                self._copy(model, lambda layer, plain: plain)
            except REFUSALS as error:
                raise CannotCollectError(
                    f"the network cannot be called on ones, or differentiated there: {told(error)}. Expected a "
                    "network of layers that can. Prune by another criterion."
                ) from error

    def _copy(self, model: Any, make: Make) -> None:
        """Copy the model, and trace what is differentiated."""
        copy = clone(model, make)
        pairs = list(paired_weights(model, copy))
        for _, weight in pairs:
            weight.assign(tf.abs(weight))
        twins = {id(getattr(ours, "_variable", ours)): theirs for ours, theirs in pairs}
        kernels = prunable_kernels(model)
        self._kernels = {name: twins[id(getattr(weight, "_variable", weight))] for name, weight, _ in kernels}
        self._values = {name: weight.numpy() for name, weight in self._kernels.items()}
        ones = [tf.ones([1 if size is None else size for size in each.shape], each.dtype) for each in copy.inputs]
        weights = list(self._kernels.values())

        @tf.function(autograph=False)
        def gradients() -> list[Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                outputs = copy(ones if len(ones) > 1 else ones[0], training=False)
                total = tf.add_n([tf.reduce_sum(each) for each in tf.nest.flatten(outputs)])
            found = tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.convert_to_tensor(each) for each in found]

        self._gradients = gradients.get_concrete_function()

    def __call__(self, masks: Mapping[str, Mask]) -> dict[str, Kernel]:
        """Return the gradient of each kernel under these masks, [*kernel], float64.

        Raises:
            CannotCollectError: A number is not finite.
        """
        for name, weight in self._kernels.items():
            weight.assign(np.where(masks[name] != 0, self._values[name], 0))
        found = dict(zip(self._kernels, (each.numpy() for each in self._gradients()), strict=True))
        if not all(np.isfinite(each).all() for each in found.values()):
            raise CannotCollectError(
                "synaptic flow is not a finite number: a weight is not, or the network is deeper than float64 holds "
                "products of its layers. Prune from an earlier checkpoint, or by another criterion."
            )
        return found


def _double(layer: Any) -> Any:
    """Return the layer in float64; its weights are copied by `clone`."""
    config = layer.get_config()
    dtype = config.get("dtype", "float32")
    if isinstance(dtype, str) and not tf.as_dtype(dtype).is_floating:
        return layer
    return type(layer).from_config(config | {"dtype": "float64"})
