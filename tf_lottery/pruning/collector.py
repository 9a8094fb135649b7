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
from tf_lottery.pruning.refusals import REFUSALS, told
from tf_lottery.pruning.synaptic_flow import SynapticFlow

Loss = Callable[[Any, Any], Any]  # (labels, outputs) -> the mean over the batch

_FLOAT16_SCALE = 1024.0  # of losses, as for training in float16


class Collector:
    """A `Collect`: collects on one model, whose weights, masks and states are the same afterwards."""

    def __init__(self, model: Any, *, find_loss: Callable[[], Loss | None], draw: Draw | None, seed: int) -> None:
        """Collect on this model.

        Args:
            model: Of `prunable`.
            find_loss: Returns what is differentiated, None if there is none; asked only when it is needed.
            draw: Gives the examples; None if there are none.
            seed: For random signs.
        """
        self._model, self._find_loss, self._draw, self._seed = model, find_loss, draw, seed
        self._flow: SynapticFlow | None = None  # a copy of the model, for all rounds

    def __call__(self, quantity: Quantity, examples: Examples | None, masks: Mapping[str, Mask]) -> dict[str, Kernel]:
        """Return the quantity of each kernel, [*kernel], the mean over batches.

        All batches are of one size: what is left over of the examples is left out. Where there are fewer examples than
        asked for, all are taken.

        Raises:
            CannotCollectError: No data or no loss was given, the loss cannot be computed or differentiated on them, or
                a number is not finite.
        """
        if quantity == "synaptic_flow":
            self._flow = self._flow or SynapticFlow(self._model)
            return self._flow(masks)
        if examples is None or self._draw is None:
            raise CannotCollectError(
                f"scores are made of {examples or 'examples'}, and no data are given. Expected data=(inputs, labels)."
            )
        loss = self._find_loss()
        if loss is None:
            raise CannotCollectError(
                "scores are made of the loss, and the model is not compiled with one. Expected loss=, such as "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)."
            )
        inputs, labels = self._draw(examples.count)
        found = len(tf.nest.flatten(labels)[0])
        size = min(examples.batch, found)
        kernels = prunable_kernels(self._model)
        weights = [getattr(weight, "_variable", weight) for _, weight, _ in kernels]
        sums = [tf.Variable(tf.zeros(weight.shape), trainable=False) for weight in weights]
        step = self._step(quantity, loss, weights, sums, training=examples.mode == "training")
        with _under(kernels, masks), _states_kept(self._model):
            for number in range(found // size):
                part = slice(number * size, (number + 1) * size)
                batch = tf.nest.map_structure(lambda array, part=part: tf.constant(array[part]), (inputs, labels))
                try:
                    step(*batch, tf.constant(number))
                except REFUSALS as error:
                    raise CannotCollectError(
                        f"the loss of {size} examples cannot be computed or differentiated: {told(error)}. "
                        "Expected inputs and labels as fit takes them, a loss for the model's outputs, and layers "
                        "that have the derivatives that the criterion takes."
                    ) from error
        means = {}
        for name, _, _ in kernels:
            means[name] = sums.pop(0).numpy()  # one by one, so that they are not there twice
            means[name] /= found // size
        if not all(np.isfinite(mean).all() for mean in means.values()):
            raise CannotCollectError(
                "the gradients of the loss are not finite numbers: the network diverged, or its loss does not fit its "
                "outputs. Prune from an earlier checkpoint, or give another loss."
            )
        return means

    def _step(self, quantity: Quantity, loss: Loss, weights: list[Any], sums: list[Any], *, training: bool) -> Any:
        """Return the compiled function that adds the quantity of a batch to sums."""
        model, seed = self._model, self._seed % 2**31
        has_float16 = any(layer.compute_dtype == "float16" for layer in model._flatten_layers())

        @tf.function(autograph=False)
        def step(inputs: Any, labels: Any, number: Any) -> None:
            batch = Batch(
                loss=lambda: loss(labels, model(inputs, training=training)),
                weights=weights,
                scale=_FLOAT16_SCALE if has_float16 else 1.0,
                seed=tf.stack([seed, number * len(weights)]),
            )
            for one, value in zip(sums, QUANTITIES[quantity](batch), strict=True):
                one.assign_add(value)

        return step


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
    held = {mask.ref() for _, _, mask in prunable_kernels(model)}
    states = [state for layer in model._flatten_layers() for state in tf.nest.flatten(getattr(layer, "states", None))]
    variables = [each for each in (*model.non_trainable_weights, *states) if isinstance(each, tf.Variable)]
    before = [(variable, variable.numpy()) for variable in variables if variable.ref() not in held]
    try:
        yield
    finally:
        for variable, values in before:
            variable.assign(values)
