"""Collecting what criteria want to know of a network: quantities of the loss on examples, under candidate masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.channels.cuts import alive, without
from tf_lottery.pruning.channels.group import Group
from tf_lottery.pruning.channels.groups import batch_norm_scales, groups
from tf_lottery.pruning.criterion import CannotCollectError, Examples, MapQuantity, Quantity, Values
from tf_lottery.pruning.examples import Draw
from tf_lottery.pruning.flops import FlopCounter
from tf_lottery.pruning.map_quantities import MAP_QUANTITIES, NEED_LOSS, MapBatch
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.masks import Kernel, Mask
from tf_lottery.pruning.quantities import QUANTITIES, Batch
from tf_lottery.pruning.refusals import REFUSALS, told
from tf_lottery.pruning.synaptic_flow import SynapticFlow

Loss = Callable[[Any, Any], Any]  # (labels, outputs) -> the mean over the batch
Find = Callable[[Any, Any, Any], list[Any]]  # (inputs, labels, the batch's number) -> what is added up

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
        self._kernels = prunable_kernels(model)
        self._flow: SynapticFlow | None = None  # a copy of the model, for all rounds
        self._groups: list[Group] | None = None
        self._uses: dict[str, int] | None = None

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
        batches = self._batches(examples)
        loss, weights, seed = self._loss(), self._weights(), self._seed % 2**31

        def find(inputs: Any, labels: Any, number: Any) -> list[Any]:
            batch = Batch(
                loss=lambda: loss(labels, self._model(inputs, training=batches.training)),
                weights=weights,
                scale=self._scale(),
                seed=tf.stack([seed, number * len(weights)]),
            )
            return QUANTITIES[quantity](batch)

        sums = [tf.Variable(tf.zeros(weight.shape), trainable=False) for weight in weights]
        with under(self._kernels, masks):
            self._add_up(find, batches, sums)
        means = {}
        for name, _, _ in self._kernels:
            means[name] = sums.pop(0).numpy()  # one by one, so that they are not there twice
            means[name] /= batches.number
        _check_finite(means.values())
        return means

    def groups(self) -> list[Group]:
        """Return the groups of channels that go together."""
        if self._groups is None:
            self._groups = groups(self._model, {name: kernel for name, kernel, _ in self._kernels})
        return self._groups

    def scales(self) -> dict[str, Values]:
        """Return the scale of each batch norm, [channels]."""
        return {name: gamma.numpy().astype(np.float64) for name, gamma in batch_norm_scales(self._model)}

    def uses(self) -> dict[str, int]:
        """Return by kernel the FLOPs that one of its weights costs; 0 where no formula knows it.

        Raises:
            CannotCollectError: Sizes that FLOPs depend on are not known.
        """
        if self._uses is None:
            try:
                found = FlopCounter(self._model).count().uses
            except ValueError as error:
                raise CannotCollectError(str(error)) from error
            self._uses = {name: found.get(id(kernel), 0) for name, kernel, _ in self._kernels}
        return self._uses

    def maps(self, quantity: MapQuantity, examples: Examples | None, masks: Mapping[str, Mask]) -> dict[int, Values]:
        """Return the quantity of each map, [channels, numbers], the mean over batches, by its layer's id.

        Raises:
            CannotCollectError: As for kernels; a loss is needed for gradients only.
        """
        axes = {layer: each.axis for group in self.groups() for layer, each in group.maps.items()}
        sizes = {layer: len(each.places) for group in self.groups() for layer, each in group.maps.items()}
        batches = self._batches(examples)
        loss, weights = self._loss() if quantity in NEED_LOSS else None, self._weights()

        def find(inputs: Any, labels: Any, _: Any) -> list[Any]:
            batch = MapBatch(
                forward=lambda: self._model(inputs, training=batches.training),
                loss=lambda outputs: loss(labels, outputs) if loss else None,
                axes=axes,
                weights=weights,
                scale=self._scale(),
            )
            return MAP_QUANTITIES[quantity](batch)

        numbers = 2 if quantity == "moments" else 1
        sums = [tf.Variable(tf.zeros([size, numbers], tf.float64), trainable=False) for size in sizes.values()]
        with under(self._kernels, masks):
            self._add_up(find, batches, sums)
        means = {layer: one.numpy() / batches.number for layer, one in zip(axes, sums, strict=True)}
        _check_finite(means.values())
        return means

    def ablated(self, examples: Examples | None, masks: Mapping[str, Mask]) -> list[Values]:
        """Return for each group by how much the mean loss rises without each channel; nan for one that is gone.

        Raises:
            CannotCollectError: As for kernels.
        """
        batches, loss = self._batches(examples), self._loss()
        total = tf.Variable(0.0, dtype=tf.float64, trainable=False)

        def find(inputs: Any, labels: Any, _: Any) -> list[Any]:
            return [tf.cast(loss(labels, self._model(inputs, training=batches.training)), tf.float64)]

        add_up = self._compiled(find, [total])

        def mean_loss() -> float:
            total.assign(0.0)
            self._go_over(add_up, batches)
            return float(total.numpy()) / batches.number

        changes = []
        with under(self._kernels, masks):
            whole = mean_loss()
            for group in self.groups():
                found = np.full(group.size, np.nan)
                for channel in np.flatnonzero(alive(group, masks)):
                    fewer = without(masks, group, int(channel))
                    with under([each for each in self._kernels if each[0] in fewer], fewer, always=True):
                        found[channel] = mean_loss() - whole
                _check_finite([found[alive(group, masks)]])
                changes.append(found)
        return changes

    def _batches(self, examples: Examples | None) -> _Batches:
        if examples is None or self._draw is None:
            raise CannotCollectError(
                f"scores are made of {examples or 'examples'}, and no data are given. Expected data=(inputs, labels)."
            )
        drawn = self._draw(examples.count)
        found = len(tf.nest.flatten(drawn[1])[0])
        size = min(examples.batch, found)
        return _Batches(drawn=drawn, size=size, number=found // size, training=examples.mode == "training")

    def _loss(self) -> Loss:
        loss = self._find_loss()
        if loss is None:
            raise CannotCollectError(
                "scores are made of the loss, and the model is not compiled with one. Expected loss=, such as "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)."
            )
        return loss

    def _weights(self) -> list[Any]:
        return [getattr(weight, "_variable", weight) for _, weight, _ in self._kernels]

    def _scale(self) -> float:
        has_float16 = any(layer.compute_dtype == "float16" for layer in self._model._flatten_layers())
        return _FLOAT16_SCALE if has_float16 else 1.0

    def _add_up(self, find: Find, batches: _Batches, sums: list[Any]) -> None:
        """Add what is found of each batch to sums."""
        self._go_over(self._compiled(find, sums), batches)

    def _compiled(self, find: Find, sums: list[Any]) -> Any:
        """Return the function that adds what is found of one batch to sums: compiled once, for all are of one size."""
        compiled: list[Any] = []

        @tf.function(autograph=False)
        def step(inputs: Any, labels: Any, number: Any) -> None:
            for one, value in zip(sums, find(inputs, labels, number), strict=True):
                one.assign_add(value)

        def add(*batch: Any) -> None:
            if not compiled:
                compiled.append(step.get_concrete_function(*batch))
            compiled[0](*batch)

        return add

    def _go_over(self, step: Any, batches: _Batches) -> None:
        """Call a function for each batch; the model's states are the same afterwards."""
        with _states_kept(self._model):
            for number, batch in enumerate(batches):
                try:
                    step(*batch, tf.constant(number))
                except REFUSALS as error:
                    raise CannotCollectError(
                        f"the loss of {batches.size} examples cannot be computed or differentiated: {told(error)}. "
                        "Expected inputs and labels as fit takes them, a loss for the model's outputs, and layers "
                        "that have the derivatives that the criterion takes."
                    ) from error


@dataclass(frozen=True, kw_only=True)
class _Batches:
    """Examples in batches of one size."""

    drawn: tuple[Any, Any]  # inputs and labels
    size: int
    number: int
    training: bool

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for number in range(self.number):
            part = slice(number * self.size, (number + 1) * self.size)
            yield tf.nest.map_structure(lambda array, part=part: tf.constant(array[part]), self.drawn)


def _check_finite(means: Iterable[Values]) -> None:
    if not all(np.isfinite(mean).all() for mean in means):
        raise CannotCollectError(
            "the gradients of the loss are not finite numbers: the network diverged, or its loss does not fit its "
            "outputs. Prune from an earlier checkpoint, or give another loss."
        )


@contextmanager
def under(kernels: list[Any], masks: Mapping[str, Mask], *, always: bool = False) -> Iterator[None]:
    """Set to 0 what candidate masks do not keep, and put it back; where they are the model's own, only if `always`."""
    changed = [
        (weight, weight.numpy(), masks[name])
        for name, weight, mask in kernels
        if always or not np.array_equal(mask.numpy() != 0, masks[name] != 0)
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
