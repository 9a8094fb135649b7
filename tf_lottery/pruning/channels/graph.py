"""What the rules write down of a model: ties, readings, and the labels of each variable's axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.calls import Shape
from tf_lottery.pruning.channels.labels import (
    Labels,
    NotFollowedError,
    Reading,
    Tensor,
    Through,
    classes,
    pinned,
)

Nonzero = Callable[[Any], npt.NDArray[np.bool_]]  # of a variable: which of its values count
Kept = Callable[[Labels], npt.NDArray[np.bool_]]  # of labels: which of them stay


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a layer in the graph."""

    inputs: list[Tensor]  # of the first argument
    shapes: list[Shape]  # of the outputs
    args: Sequence[Any] = ()  # as the graph has them, the first included
    kwargs: Mapping[str, Any]

    @property
    def only(self) -> Tensor:
        """The one input, where a layer takes one."""
        if len(self.inputs) != 1:
            raise NotFollowedError(f"it is called on {len(self.inputs)} tensors")
        return self.inputs[0]

    def output(self, labels: Labels, axis: int) -> Tensor:
        """Return the output with these labels along an axis, which may count from the end."""
        return Tensor(shape=self.shapes[0], axis=axis % len(self.shapes[0]), labels=labels)


Rule = Callable[["Graph", Any, Call], Any]  # the labelled output, or a list of them


class Graph:
    """Labels and how they belong together; each variable's axes get labels when a rule first names them."""

    def __init__(self, nonzero: Nonzero) -> None:
        self._nonzero = nonzero
        self.count = 1  # of labels; the first is PINNED
        self.ties: list[tuple[Labels, Labels]] = []
        self.readings: list[Reading] = []
        self.tensors: list[Labels] = []
        self.axes: dict[Any, dict[int, Labels]] = {}  # by the variable's ref()
        self.sizes: dict[int, dict[tuple[str, ...], Callable[[Kept], Any]]] = {}  # by the layer's id, of its config
        self.made: dict[int, tuple[str, Labels]] = {}  # by the layer's id: its name, the channels that it makes
        self.makers: dict[Any, int] = {}  # by the ref() of a variable: the axis along which it makes channels
        self.given: dict[Any, tuple[Any, Tensor]] = {}  # by the same: the layer in the graph, what it makes of them
        self.readers: set[Any] = set()  # the ref() of each variable whose zeros say that a channel is not read
        self.called: dict[int, list[Tensor]] = {}  # by the id of a layer or of a model inside: inputs of a call
        self.left: dict[int, list[Tensor]] = {}  # by the id of a model inside: its outputs
        self.barriers: dict[int, tuple[str, str]] = {}  # by the layer's id: its name, why what it reads and makes stays
        self.mixing: dict[int, tuple[str, str]] = {}  # the same of layers of which only what they make stays

    def nonzero(self, kernel: Any) -> npt.NDArray[np.bool_]:
        """Return which values of a kernel count; where none does, it reads nothing."""
        self.readers.add(kernel.ref())
        return self._nonzero(kernel)

    def fresh(self, size: int) -> Labels:
        """Return labels that nothing has yet."""
        self.count += size
        return np.arange(self.count - size, self.count)

    def tie(self, one: Labels, other: Labels) -> None:
        """Have the first channel of one go with the first of the other and so on."""
        if one is not other:
            self.ties.append((np.broadcast_to(one, other.shape), other))

    def pin(self, labels: Labels) -> None:
        """Have these channels stay."""
        self.tie(pinned(labels.size), labels)

    def read(self, sources: Labels, targets: Labels, through: Through) -> None:
        """Say that targets are computed from sources wherever `through` is true."""
        self.readings.append(Reading(sources=sources, targets=targets, through=through))

    def along(self, tensor: Tensor, axis: int) -> Labels:
        """Return a tensor's labels along an axis; if those that it has are along another one, they stay, as it does.

        Raises:
            NotFollowedError: The size of this axis is not known.
        """
        axis %= len(tensor.shape)
        if tensor.axis == axis:
            return tensor.labels
        self.pin(tensor.labels)
        size = tensor.shape[axis]
        if size is None:
            raise NotFollowedError(f"the size of axis {axis} of {tensor.shape} is not known")
        return pinned(size)

    def axis(self, variable: Any, axis: int, labels: Labels | None = None) -> Labels:
        """Return the labels of a variable's axis: those that it has, tied to these, or these, or fresh ones."""
        axes, axis = self.axes.setdefault(variable.ref(), {}), axis % len(variable.shape)
        if labels is not None and len(labels) != variable.shape[axis]:
            raise NotFollowedError(f"{variable.name} is not one of {len(labels)} channels")
        if axis not in axes:
            axes[axis] = self.fresh(variable.shape[axis]) if labels is None else labels
        elif labels is not None:
            self.tie(axes[axis], labels)
        return axes[axis]

    def resize(self, layer: Any, key: tuple[str, ...], value: Callable[[Kept], Any]) -> None:
        """Say what an entry of a layer's configuration is, once it is known which channels stay."""
        self.sizes.setdefault(id(layer), {})[key] = value

    def make(self, layer: Any, key: str, labels: Labels, kernel: Any, axis: int) -> None:
        """Say that a layer makes these channels, along an axis of a kernel; its configuration has their number."""
        self.made[id(layer)] = layer.name, labels
        self.makers[kernel.ref()] = axis % len(kernel.shape)
        self.resize(layer, (key,), lambda kept: int(kept(labels).sum()))

    def keep(self, layer: Any, labels: Labels, reason: str) -> None:
        """Have all that a layer makes stay, for a reason that is told."""
        self.mixing[id(layer)] = layer.name, reason
        self.pin(labels)

    def classes(self) -> Labels:
        """Return the class of each label; see `labels.classes`."""
        return classes(self.count, self.ties)

    def everywhere(self) -> Iterator[Labels]:
        """Yield the labels of each tensor and of each variable's axis: of none of them may everything go."""
        yield from self.tensors
        for axes in self.axes.values():
            yield from axes.values()
