"""One row of the table of networks: what is known of a network without building it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Build(Protocol):
    """How every network is built: images [batch, *shape] in 0 to 1 or standardised -> logits [batch, classes]."""

    def __call__(self, *, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
        """Return an uncompiled Keras model; `l2` is the coefficient of sum(w^2) / 2."""


class KernelShapes(Protocol):
    """How the kernels of a network are told without building it, which takes TensorFlow."""

    def __call__(self, *, shape: tuple[int, ...], classes: int, width: float = 1.0) -> dict[str, tuple[int, ...]]:
        """Return every kernel's shape by its name."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network by name."""

    build: Build
    has_convolutions: bool  # decides which compiler is the fast one on a CPU
    multiply_adds_per_pixel: float  # of the input, forward; only to estimate time before anything ran
    kernel_shapes: KernelShapes | None = None  # None where no heuristic has to know them
    takes_dropout: bool = False  # whether `build` takes `dropout`, the share of hidden units to drop in training
    is_chain: bool = False  # each kernel reads the outputs of the one before it, and nothing else
