"""What a heuristic is: a way to choose what is pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tf_lottery.pruning.criterion import Collect
from tf_lottery.pruning.masks import Kernel, Mask

Shapes = Mapping[str, tuple[int, ...]]  # of every prunable kernel, by name


class Chooses(Protocol):
    """What says which weights stay."""

    def choose(
        self,
        *,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        density: float,
        seed: int,
        collect: Collect | None = None,
    ) -> dict[str, Mask]:
        """Return the new masks, so many weights kept, none of them pruned before.

        Args:
            kernels: The weights of each prunable kernel.
            masks: What is still kept of each, by the same names.
            density: Of the whole network, in [0, 1]; never relative to what is left.
            seed: For what is drawn.
            collect: Gives what a criterion wants to know of the network and of examples; None if there is no network.

        Raises:
            ValueError: NaN among the weights or what is collected, a density above the present one, or one that it does
                not have.
        """


class Heuristic(Chooses, Protocol):
    """A row of the table of heuristics."""

    @property
    def meaning(self) -> str:
        """One line for people."""

    @property
    def any_density(self) -> bool:
        """Whether it prunes to any density, at any time; otherwise to those of its own, and dense networks only."""

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return the densities that it prunes these kernels to when it is asked for some: the nearest it has.

        Asked for none, all it has.

        Raises:
            ValueError: It has none near, or is not made for such a network.
        """

    def kept(self, shapes: Shapes, density: float) -> int:
        """Return how many weights of all these kernels it keeps at this density, of the whole network.

        Raises:
            ValueError: It has no such density.
        """
