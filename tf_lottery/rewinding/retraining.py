"""What a technique knows of a retraining when it says the learning rate of each of its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_lottery.networks.recipes import Training
from tf_lottery.rewinding.schedules import Rates, original_rates

Momenta = npt.NDArray[np.float32]  # [steps]

# A last rate below this part of the highest one is the end of a schedule that falls to zero: nothing is learned at it.
_NEAR_ZERO = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Retraining:
    """A retraining of a network that was trained at known rates, and what was pruned just before."""

    original: Rates  # [total] of each step of the original training
    warmup: int = 0  # steps at its start that the rate rises in, which say nothing of the lowest one
    steps: int  # n, 1 to total
    pruned_share: float | None = None  # p: of the weights that were left, those that this pruning removed
    removed_norm: float | None = None  # D: norm of what it removed / norm of all that was trained
    fine_tune_rate: float | None = None  # in place of the last rate of the original training

    @classmethod
    def of(
        cls,
        training: Training,
        retrain_epochs: float,
        *,
        pruned_share: float | None = None,
        removed_norm: float | None = None,
    ) -> Retraining:
        """Return the retraining for so many epochs of what was trained so."""
        return cls(
            original=original_rates(training),
            warmup=training.warmup_steps,
            steps=training.steps_in(retrain_epochs),
            pruned_share=pruned_share,
            removed_norm=removed_norm,
            fine_tune_rate=training.fine_tune_rate,
        )

    @property
    def total(self) -> int:
        """Steps of the original training, N."""
        return len(self.original)

    @property
    def highest(self) -> float:
        """The highest rate of the original training, after its warm-up."""
        return float(self.original[self.warmup :].max())

    @property
    def lowest(self) -> float:
        """The lowest rate of the original training, after its warm-up."""
        return float(self.original[self.warmup :].min())

    @property
    def last(self) -> np.float32:
        """The rate to fine-tune at: the original training's last, unless another one is given.

        Raises:
            ValueError: The original training ends near zero, and no other one is given.
        """
        if self.fine_tune_rate is not None:
            return np.float32(self.fine_tune_rate)
        if self.original[-1] < _NEAR_ZERO * self.highest:
            raise ValueError(
                f"the training ends at a learning rate of {self.original[-1]:.2g}, at which nothing is learned any "
                f"more (its highest is {self.highest:.2g}); expected a rate to fine-tune at. Name one, such as "
                f"{self.highest / 100:.2g}, with --fine_tune_rate (in Python, fine_tune_rate=)."
            )
        return np.float32(self.original[-1])

    @property
    def removed(self) -> tuple[float, float]:
        """Return p and D.

        Raises:
            ValueError: They are not known.
        """
        if self.pruned_share is None or self.removed_norm is None:
            raise ValueError(
                "the rates depend on what the pruning removed; expected pruned_share and removed_norm. Pass those of "
                "the report that tl.prune returned."
            )
        return self.pruned_share, self.removed_norm
