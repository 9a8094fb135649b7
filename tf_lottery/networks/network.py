"""One row of the table of networks: what is known of a network without building it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Build(Protocol):
    """How every network is built: images [batch, *shape] in 0 to 1 or standardised -> logits [batch, classes]."""

    def __call__(self, *, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
        """Return an uncompiled Keras model; `l2` is the coefficient of sum(w^2) / 2."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network by name."""

    build: Build
    has_convolutions: bool  # decides which compiler is the fast one on a CPU
    multiply_adds_per_pixel: float  # of the input, forward; only to estimate time before anything ran
