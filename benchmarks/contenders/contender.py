"""What a way to train is for the comparison."""

from __future__ import annotations

from typing import Protocol


class Contender(Protocol):
    """A network that is ready to train."""

    def run(self) -> None:
        """Take all steps of the problem; return when the last one is done."""

    def masked_nonzero(self) -> int | None:
        """Return how many pruned weights are not zero after the last step; None for a dense network."""
