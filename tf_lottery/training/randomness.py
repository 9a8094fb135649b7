"""Every random number of a stage, from (seed, trial, depth) and what it is for: nothing is drawn from a state.

So a stage that goes on after an interruption draws what it would have drawn, and techniques of one trial at one
depth of an iterative chain see the same order of examples.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

Purpose = Literal["weights", "order", "augmentation", "pruning", "examples", "dropout"]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The random numbers of one stage."""

    seed: int
    trial: int
    depth: int  # 0: the dense training; k: the k-th pruning of a chain

    def integer(self, purpose: Purpose) -> int:
        """Return an integer in 0 to 2^31 - 1, to seed something else with."""
        return self._key(purpose, 0) % 2**31

    def generator(self, purpose: Purpose, epoch: int) -> np.random.Generator:
        """Return the generator for one epoch of the data, counted from 0 at the start of the stage."""
        return np.random.Generator(np.random.Philox(key=self._key(purpose, epoch)))

    def _key(self, purpose: Purpose, epoch: int) -> int:
        text = f"tf_lottery {self.seed} {self.trial} {self.depth} {purpose} {epoch}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
