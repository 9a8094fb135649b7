"""Collecting what criteria want to know of a network: quantities of the loss on examples, under candidate masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.criterion import CannotCollectError, Examples, Quantity
from tf_lottery.pruning.examples import Draw
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.masks import Kernel, Mask
from tf_lottery.pruning.quantities import QUANTITIES, Batch
from tf_lottery.pruning.synaptic_flow import SynapticFlow

Loss = Callable[[Any, Any], Any]  # (labels, outputs) -> the mean over the batch


_FLOAT16_SCALE = 1024.0  # of losses, as for training in float16


class Collector:
    """A `Collect`: collects on one model, whose weights, masks and states are the same afterwards.

    Beside the model there are at most three arrays as large as its weights: gradients, sums, and for second-order
    quantities a product. Activations are those of a training step on one batch.
    """

    def __init__(self, model: Any, *, loss: Loss | None, draw: Draw | None, seed: int) -> None:
        """Collect on this model.

        Args:
            model: Of `prunable`.
            loss: What is differentiated; None if only `synaptic_flow` will be asked for.
            draw: Gives the examples; None likewise.
            seed: For random signs.
        """
        self._model, self._loss, self._draw, self._seed = model, loss, draw, seed
        self._flow: SynapticFlow | None = None
        self._steps: dict[tuple[Quantity, Examples], Any] = {}
        self._sums: list[Any] = []

    def __call__(
        self, quantity: Quantity, examples: Examples | None, masks: Mapping[str, Mask]
    ) -> Mapping[str, Kernel]:
        """Return the quantity of each kernel, [*kernel], the mean over batches.

        All batches are of one size: what is left over of the examples is left out. Where there are fewer examples than
        asked for, all are taken.

        Raises:
            CannotCollectError: No data or no loss was given, or a number is not finite.
        """
        if quantity == "synaptic_flow":
            self._flow = self._flow or SynapticFlow(self._model)
            return self._flow(masks)
        if examples is None or self._draw is None:
            raise CannotCollectError(
                f"scores are made of {examples or 'examples'}, and no data are given. Expected data=(inputs, labels)."
            )
        if self._loss is None:
            raise CannotCollectError(
                "its scores are made of the loss, and the model is not compiled with one. Expected loss=, such as "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)."
            )
        kernels = prunable_kernels(self._model)
        inputs, labels = self._draw(examples.count)
        found = len(tf.nest.flatten(labels)[0])
        size = min(examples.batch, found)
        with _under(kernels, masks), _states_kept(self._model):
            step, sums = self._step(quantity, examples, kernels)
            for one in sums:
                one.assign(tf.zeros_like(one))
            batches = found // size
            for number in range(batches):
                part = slice(number * size, (number + 1) * size)
                batch = tf.nest.map_structure(lambda array, part=part: tf.constant(array[part]), (inputs, labels))
                step(*batch, tf.constant(number))
        means = {name: one.numpy() / batches for (name, _, _), one in zip(kernels, sums, strict=True)}
        if not all(np.isfinite(mean).all() for mean in means.values()):
            raise CannotCollectError(
                "the gradients of the loss are not finite numbers: the network diverged, or its loss does not fit its "
                "outputs. Prune from an earlier checkpoint, or give another loss."
            )
        return means

    def _step(self, quantity: Quantity, examples: Examples, kernels: list[Any]) -> tuple[Any, list[Any]]:
        """Return the compiled function that adds up one batch, and where: traced once for any number of rounds."""
        weights = [getattr(weight, "_variable", weight) for _, weight, _ in kernels]
        if not self._sums:
            self._sums = [tf.Variable(tf.zeros(weight.shape), trainable=False) for weight in weights]
        if (quantity, examples) not in self._steps:
            training = examples.mode == "training"
            has_float16 = any(layer.compute_dtype == "float16" for layer in self._model._flatten_layers())

            @tf.function(reduce_retracing=True)
            def step(inputs: Any, labels: Any, number: Any) -> None:
                batch = Batch(
                    loss=lambda: self._loss(labels, self._model(inputs, training=training)),  # type: ignore[misc]
                    weights=weights,
                    scale=_FLOAT16_SCALE if has_float16 else 1.0,
                    seed=tf.stack([tf.cast(self._seed % 2**31, tf.int32), number * len(weights)]),
                )
                for one, value in zip(self._sums, QUANTITIES[quantity](batch), strict=True):
                    one.assign_add(value)

            self._steps[quantity, examples] = step
        return self._steps[quantity, examples], self._sums


@contextmanager
def _under(kernels: list[Any], masks: Mapping[str, Mask]) -> Iterator[None]:
    """Set to 0 what candidate masks do not keep, and put it back."""
    changed = [
        (weight, weight.numpy(), masks[name])
        for name, weight, mask in kernels
        if not np.array_equal(mask.numpy() != 0, masks[name] != 0)
    ]
    try:
        for weight, values, mask in changed:
            weight.assign(np.where(mask != 0, values, 0))
        yield
    finally:
        for weight, values, _ in changed:
            weight.assign(values)


@contextmanager
def _states_kept(model: Any) -> Iterator[None]:
    """Put back what a forward pass changes: batch norm's moving statistics, states of recurrent layers."""
    states = [state for layer in model._flatten_layers() for state in tf.nest.flatten(getattr(layer, "states", None))]
    variables = [each for each in (*model.non_trainable_weights, *states) if isinstance(each, tf.Variable)]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, values in zip(variables, before, strict=True):
            variable.assign(values)
