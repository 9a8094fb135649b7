"""`prune(model, density)`: set the masks of a prunable model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tf_lottery.arguments import integer, number
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.lookup import lookup
from tf_lottery.pruning.by_group import ByGroup, ScoredGroup
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.channels.cuts import DensityOf
from tf_lottery.pruning.collector import Collector, Loss, under
from tf_lottery.pruning.criterion import CannotCollectError, Collect
from tf_lottery.pruning.dead_units import without_dead_units
from tf_lottery.pruning.examples import drawn_from
from tf_lottery.pruning.heuristic import Heuristic
from tf_lottery.pruning.heuristics import HEURISTICS, find
from tf_lottery.pruning.layer_densities import of_kernels
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.masks import Mask
from tf_lottery.pruning.removed import removed
from tf_lottery.pruning.sensitivity import Sensitivity, choose, scan
from tf_lottery.pruning.slots import slots_of


@dataclass(frozen=True, kw_only=True)
class KernelReport:
    """One kernel after pruning."""

    name: str
    kept: int
    total: int


@dataclass(frozen=True, kw_only=True)
class PruneReport:
    """What a pruning kept; `print(report)` shows a table."""

    kernels: tuple[KernelReport, ...]
    pruned_share: float  # p: of the weights that were left before, those that this pruning removed
    removed_norm: float  # D: ||w - w_pruned|| / ||w||, over all trainable variables
    sensitivity: tuple[Sensitivity, ...] = ()  # of each layer alone, where the heuristic scans it
    # Of whole channels: what their scores were, by the layers that make them together.
    groups: tuple[ScoredGroup, ...] = field(default=(), repr=False)

    @property
    def kept(self) -> int:
        """Weights kept in the whole network."""
        return sum(kernel.kept for kernel in self.kernels)

    @property
    def total(self) -> int:
        """Prunable weights of the whole network."""
        return sum(kernel.total for kernel in self.kernels)

    @property
    def density(self) -> float:
        """Kept / total."""
        return self.kept / self.total

    @property
    def emptied(self) -> tuple[str, ...]:
        """Names of kernels of which nothing is kept: nothing passes through them any more."""
        return tuple(kernel.name for kernel in self.kernels if not kernel.kept)

    def __str__(self) -> str:
        whole = KernelReport(name="all", kept=self.kept, total=self.total)
        width = max(len(kernel.name) for kernel in (*self.kernels, whole))
        return "\n".join(
            f"{row.name:{width}}  {row.kept:>11,} of {row.total:>11,}  density {row.kept / row.total:.4f}"
            for row in (*self.kernels, whole)
        )


def masks(model: Any) -> dict[str, Mask]:
    """Return every mask by its kernel's name, [*kernel], 1 keeps.

    Raises:
        TypeError: Not a Keras model.
        ValueError: It has no masks.
    """
    return {name: mask.numpy().astype(np.uint8) for name, _, mask in prunable_kernels(model)}


def set_masks(model: Any, new: Mapping[str, Mask]) -> None:
    """Set the masks, and to 0 the weights and optimizer slots that they do not keep.

    Args:
        model: Of `prunable`.
        new: A mask for each kernel, by the names of `masks(model)`; 0 and 1 (or False and True), in the kernel's shape.

    Raises:
        TypeError: Not a model, or not a mapping.
        ValueError: Other names, shapes or values; nothing has changed then.
    """
    kernels = prunable_kernels(model)
    checked = _checked(new, {name: tuple(weight.shape) for name, weight, _ in kernels})
    slots = slots_of(model)
    for name, weight, mask in kernels:
        mask.assign(checked[name].astype(mask.dtype.as_numpy_dtype))
        for variable in (weight, *slots.get(weight.ref(), ())):
            variable.assign(tf.where(mask != 0, variable, tf.zeros_like(variable)))


def _checked(new: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the masks as arrays."""
    if not isinstance(new, Mapping):
        raise TypeError(f"masks are {type(new).__name__}; expected a dictionary as tf_lottery.masks(model) returns.")
    wrong = [f"none for {name!r}" for name in shapes if name not in new]
    wrong += [f"one for {name!r}, which is no kernel" for name in new if name not in shapes]
    if wrong:
        raise ValueError(f"masks: {'; '.join(wrong[:3])}; expected one for each of {', '.join(shapes)}.")
    return {name: _mask(name, new[name], shape) for name, shape in shapes.items()}


def _mask(name: str, value: Any, shape: tuple[int, ...]) -> Any:
    expected = f"expected 0 and 1 in the kernel's shape {shape}."
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise ValueError(f"mask of {name} is no array; {expected}") from None
    if array.shape != shape:
        raise ValueError(f"mask of {name} has shape {array.shape}; {expected}")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError(f"mask of {name} has other values than 0 and 1; {expected}")
    return array


def prune(
    model: Any,
    density: float,
    *,
    heuristic: str = "global_magnitude",
    seed: int = 0,
    data: Any = None,
    loss: Any = None,
    density_of: DensityOf = "weights",
    round_to: int | None = None,
    layer_densities: Mapping[str, float] | None = None,
    accuracy: Callable[[], float] | None = None,
    remove_dead_units: bool = False,
) -> PruneReport:
    """Set the masks so that exactly as many weights are kept as the authors' rule keeps at this density.

    Weights and optimizer slots that are not kept become 0 and stay 0. Pruned weights never come back, so iterative
    pruning is calling this again with a lower density.

    Example:
        tl.prune(model, 0.2)
        tl.prune(model, 0.1, heuristic="taylor", data=(x_train, y_train))

    Args:
        model: Of `prunable`, trained.
        density: Kept weights / all prunable weights of the whole network, in (0, 1]; not relative to what is left. For
            whole filters and channels the nearest that there is.
        heuristic: Which go: a row of `python -m tf_lottery --list`, such as global_magnitude, layer_magnitude, lamp,
            taylor, fisher, sensitivity or random; structured_a and structured_b remove whole filters of this package's
            ResNet-56 and ResNet-110 and have five densities each; group_magnitude, slimming, map_taylor and others
            remove whole channels of any model, in all layers that they go together in, so that `shrink` makes it
            smaller.
        seed: For random, and for the examples that are drawn.
        data: What heuristics look at that score by the loss, as `--list` says of them: (inputs, labels), arrays or
            structures of them; or a tf.data.Dataset of batches of such pairs, of which the first are taken. Where there
            are fewer than it says, all are taken. The model's weights and states are the same afterwards.
        loss: What these differentiate: a Keras loss, its name or a function of (labels, outputs). By default the loss
            that the model is compiled with, without what layers add to it.
        density_of: For whole channels, of what `density` is the kept share: all prunable weights, the channels that may
            go at all, or the FLOPs that the prunable weights cost.
        round_to: For whole channels: those that stay of a group are a multiple of this, or all; None for what the
            heuristic's row says, mostly 8, for TensorFlow is slow on odd numbers of channels.
        layer_densities: For heuristics that prune by layer, such as layer_magnitude: the densities of some layers, by
            name; the others have `density`.
        accuracy: For sensitivity: evaluates the model as it is now on validation data, 0 to 1. It is called for each
            layer and quality parameter while that layer alone is pruned; weights are put back after it.
        remove_dead_units: Also prune the connections of hidden units that have no inputs or no outputs left, for
            networks of which each layer reads the one before it and nothing else. Fewer weights may stay then than the
            density says, and where fewer are left already, no more go by it.

    Returns:
        Kept and total weights of each kernel; a kernel emptied completely is allowed, and in `report.emptied`. And
        what this pruning removed, on which the rates of a technique may depend.

    Raises:
        TypeError: An argument of another kind.
        ValueError: A density out of range, above the present one or none of the heuristic's; an unknown heuristic or
            layer; NaN among the weights or gradients; a heuristic that looks at data without data or loss; or a model
            without masks.
    """
    density, seed = number("density", density), integer("seed", seed, least=0)
    if not isinstance(heuristic, str):
        raise TypeError(
            f"heuristic is {heuristic!r} ({type(heuristic).__name__}); expected one of {', '.join(HEURISTICS)}."
        )
    if not 0 < density <= 1:
        raise ValueError(f"density {density}: expected above 0 and at most 1, the share of weights that are kept.")
    lookup("heuristic", HEURISTICS, heuristic)
    by_layer = () if layer_densities is None else of_kernels(layer_densities, list(masks(model))).items()
    row = find(heuristic, by_layer, density_of=density_of)
    if round_to is not None and (multiple := integer("round_to", round_to, least=1)) and isinstance(row, ByGroup):
        row = replace(row, round_to=multiple)
    draw = None if data is None else drawn_from(data, seed)
    collect = Collector(model, find_loss=lambda: _loss(model, loss), draw=draw, seed=seed)
    try:
        return prune_by(
            row,
            model,
            density,
            seed=seed,
            collect=collect,
            accuracy=accuracy,
            remove_dead_units=remove_dead_units,
        )
    except CannotCollectError as error:
        raise ValueError(f"heuristic {heuristic!r}: {error}") from None


def prune_by(
    row: Heuristic,
    model: Any,
    density: float,
    *,
    seed: int,
    collect: Collect,
    accuracy: Callable[[], float] | None = None,
    remove_dead_units: bool = False,
) -> PruneReport:
    """Prune as `prune` does, by a heuristic's row.

    Raises:
        TypeError: A row that scans layers, without `accuracy`.
        ValueError: As the row's `choose` does.
    """
    before = masks(model)
    weights = _weights(model)
    values = dict(zip(weights, keras.backend.batch_get_value(list(weights.values())), strict=True))
    scanned: list[Sensitivity] = []
    if isinstance(row, ByWeight) and row.scan:
        if not callable(accuracy):
            raise TypeError(
                f"accuracy is {accuracy!r}; expected for a scan of layers a function that evaluates the model on "
                "validation data, such as lambda: model.evaluate(x, y, verbose=0)[1]."
            )
        scanned = scan(values, before, _accuracy_under(model, accuracy), row.scan)
        keep = row.kept({name: value.shape for name, value in values.items()}, density)
        row = replace(row, qualities=tuple(choose(scanned, values, before, keep).items()))
    if isinstance(row, ByWeight) and remove_dead_units:
        row = replace(row, at_most=True)
    scored: list[ScoredGroup] = []
    if isinstance(row, ByGroup):
        scored = row.scored(kernels=values, masks=before, seed=seed, collect=collect)
        new = row.cut(scored, masks=before, density=density, collect=collect)
    else:
        new = row.choose(kernels=values, masks=before, density=density, seed=seed, collect=collect)
    if remove_dead_units:
        new = without_dead_units(new)
    own = {weight.ref() for weight in weights.values()}
    others = [variable.numpy() for variable in model.trainable_variables if variable.ref() not in own]
    gone = removed(kernels=values, others=others, before=before, after=new)
    set_masks(model, new)
    return PruneReport(
        kernels=tuple(KernelReport(name=name, kept=int(mask.sum()), total=mask.size) for name, mask in new.items()),
        pruned_share=gone.share,
        removed_norm=gone.norm,
        sensitivity=tuple(scanned),
        groups=tuple(scored),
    )


def _weights(model: Any) -> dict[str, Any]:
    """Return the variable of each kernel with a mask, by its name."""
    return {name: weight for name, weight, _ in prunable_kernels(model)}


def _accuracy_under(model: Any, accuracy: Callable[[], float]) -> Callable[[Mapping[str, Mask]], float]:
    """Return what evaluates the model under other masks; its weights are the same afterwards."""
    kernels = prunable_kernels(model)

    def evaluate(masks: Mapping[str, Mask]) -> float:
        with under(kernels, masks):
            return number("accuracy()", accuracy())

    return evaluate


def _loss(model: Any, given: Any) -> Loss | None:
    """Return the mean loss of a batch as a function of labels and outputs; None if there is none."""
    if given is not None:
        try:
            function = keras.losses.get(given)
        except (ValueError, TypeError):
            raise CannotCollectError(
                f"loss is {given!r}; expected a Keras loss, its name such as 'mse', or a function of (labels, outputs)."
            ) from None
        return lambda labels, outputs: tf.reduce_mean(function(labels, outputs))
    compiled = getattr(model, "compiled_loss", None)
    if compiled is None or not model._is_compiled or model.loss is None:
        return None
    # One of its own: the model's adds up what `fit` shows.
    weights = model._compile_config.config.get("loss_weights")
    own: Loss = type(compiled)(model.loss, loss_weights=weights, output_names=model.output_names)
    return own


def density(model: Any) -> float:
    """Return kept / all prunable weights, from the masks of a prunable model.

    Raises:
        TypeError: Not a Keras model.
        ValueError: It has no masks.
    """
    held = masks(model).values()
    return sum(int(mask.sum()) for mask in held) / sum(mask.size for mask in held)
