"""The learning rate as a pure function of the step of the original training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_lottery.networks.recipes import Training

Steps = npt.NDArray[np.int64]  # [steps], of the original training, counted from 0
Rates = npt.NDArray[np.float32]  # [steps]


@dataclass(frozen=True, kw_only=True)
class Staircase:
    """A learning rate that is multiplied by `factor` after each drop; with no drops, a constant."""

    peak: float  # > 0
    drops: tuple[int, ...] = ()  # steps counted from 0, ascending
    factor: float = 0.1

    def __post_init__(self) -> None:
        if not (self.peak > 0 and np.isfinite(self.peak)):
            raise ValueError(f"learning rate {self.peak}: expected a finite number above 0.")
        if list(self.drops) != sorted(self.drops) or min(self.drops, default=0) < 0:
            raise ValueError(f"learning rate drops {self.drops}: expected ascending steps from 0 on.")

    def __call__(self, steps: Steps) -> Rates:
        """Return the rate of each of these steps."""
        # side="left": the drop's own step still has the old rate, as in the authors' code ("greater than").
        drops_passed = np.searchsorted(np.asarray(self.drops, np.int64), steps, side="left")
        return (self.peak * self.factor**drops_passed).astype(np.float32)


def original_rates(training: Training) -> Rates:
    """Return the rate of each step of the dense training."""
    schedule = Staircase(peak=training.learning_rate, drops=training.drops)
    return schedule(np.arange(training.total_steps))
