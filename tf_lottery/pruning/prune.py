"""`prune(model, density)`: set the masks of a prunable model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tf_lottery.arguments import integer, number
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.lookup import lookup
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.cloning import masked_layers
from tf_lottery.pruning.dead_units import without_dead_units
from tf_lottery.pruning.heuristics import HEURISTICS, find
from tf_lottery.pruning.layer_densities import of_kernels
from tf_lottery.pruning.masks import Mask
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
    sensitivity: tuple[Sensitivity, ...] = ()  # of each layer alone, where the heuristic scans it

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


def prunable_kernels(model: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, weights, mask) of every kernel with a mask, each once, in the order of the layers.

    Names are unique: the variable's own, with #2 and so on where models inside the model repeat one.

    Raises:
        TypeError: Not a Keras model.
        ValueError: The model has none.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"the model is {model!r} ({type(model).__name__}); expected what tf_lottery.prunable(model) returned."
        )
    found: dict[str, tuple[str, Any, Any]] = {}
    for layer in masked_layers(model):
        for weight, mask, _ in layer.pruning_vars:
            plain = weight.name.removesuffix(":0")
            name, number = plain, 1
            while name in found:
                number += 1
                name = f"{plain}#{number}"
            found[name] = (name, weight, mask)
    if not found:
        raise ValueError("the model has no masks. Expected one that tf_lottery.prunable(model) returned.")
    return list(found.values())


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
    layer_densities: Mapping[str, float] | None = None,
    accuracy: Callable[[], float] | None = None,
    remove_dead_units: bool = False,
) -> PruneReport:
    """Set the masks so that exactly as many weights are kept as the authors' rule keeps at this density.

    Weights and optimizer slots that are not kept become 0 and stay 0. Pruned weights never come back, so iterative
    pruning is calling this again with a lower density.

    Args:
        model: Of `prunable`, trained.
        density: Kept weights / all prunable weights of the whole network, in (0, 1]; not relative to what is left. For
            whole filters the nearest that there is, up to 0.0025 away.
        heuristic: global_magnitude, layer_magnitude, global_quality, sensitivity, random; or structured_a,
            structured_b, which remove whole filters of this package's ResNet-56 and ResNet-110 and have five densities
            each.
        seed: For random.
        layer_densities: For layer_magnitude, the densities of some layers, by name; the others have `density`.
        accuracy: For sensitivity: evaluates the model as it is now on validation data, 0 to 1. It is called for each
            layer and quality parameter while that layer alone is pruned; weights are put back after it.
        remove_dead_units: Also prune the connections of hidden units that have no inputs or no outputs left, for
            networks of which each layer reads the one before it and nothing else. Fewer weights may stay then than the
            density says, and where fewer are left already, no more go by it.

    Returns:
        Kept and total weights of each kernel; a kernel emptied completely is allowed, and in `report.emptied`.

    Raises:
        TypeError: An argument of another kind.
        ValueError: A density out of range, above the present one or none of the heuristic's; an unknown heuristic or
            layer; NaN among the weights; or a model without masks.
    """
    density, seed = number("density", density), integer("seed", seed, least=0)
    if not isinstance(heuristic, str):
        raise TypeError(
            f"heuristic is {heuristic!r} ({type(heuristic).__name__}); expected one of {', '.join(HEURISTICS)}."
        )
    if not 0 < density <= 1:
        raise ValueError(f"density {density}: expected above 0 and at most 1, the share of weights that are kept.")
    row = lookup("heuristic", HEURISTICS, heuristic)
    kernels = prunable_kernels(model)
    before = masks(model)
    values = dict(zip(before, keras.backend.batch_get_value([weight for _, weight, _ in kernels]), strict=True))
    scanned: list[Sensitivity] = []
    if layer_densities is not None:
        row = find(heuristic, of_kernels(layer_densities, list(before)).items())
    if isinstance(row, ByWeight) and row.scan:
        if not callable(accuracy):
            raise TypeError(
                f"accuracy is {accuracy!r}; expected for {heuristic} a function that evaluates the model on validation "
                "data, such as lambda: model.evaluate(x, y, verbose=0)[1]."
            )
        scanned = scan(values, before, _under_masks(kernels, values, accuracy), row.scan)
        keep = row.kept({name: value.shape for name, value in values.items()}, density)
        row = replace(row, qualities=tuple(choose(scanned, values, before, keep).items()))
    if isinstance(row, ByWeight) and remove_dead_units:
        row = replace(row, at_most=True)
    new = row.choose(kernels=values, masks=before, density=density, seed=seed)
    if remove_dead_units:
        new = without_dead_units(new)
    set_masks(model, new)
    return PruneReport(
        kernels=tuple(KernelReport(name=name, kept=int(mask.sum()), total=mask.size) for name, mask in new.items()),
        sensitivity=tuple(scanned),
    )


def _under_masks(
    kernels: list[tuple[str, Any, Any]], values: Mapping[str, Any], accuracy: Callable[[], float]
) -> Callable[[Mapping[str, Mask]], float]:
    """Return what evaluates the model with other kernels, its own times masks, and puts its own back."""

    def evaluate(masks: Mapping[str, Mask]) -> float:
        changed = [(weight, values[name], masks[name]) for name, weight, _ in kernels if not masks[name].all()]
        try:
            for weight, value, mask in changed:
                weight.assign(value * mask)
            return number("accuracy()", accuracy())
        finally:
            for weight, value, _ in changed:
                weight.assign(value)

    return evaluate


def density(model: Any) -> float:
    """Return kept / all prunable weights, from the masks of a prunable model.

    Raises:
        TypeError: Not a Keras model.
        ValueError: It has no masks.
    """
    held = masks(model).values()
    return sum(int(mask.sum()) for mask in held) / sum(mask.size for mask in held)
