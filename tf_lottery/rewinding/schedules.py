"""The learning rate as a pure function of the step of the original training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_lottery.networks.recipes import LrSchedule, Training

Steps = npt.NDArray[np.int64]  # [steps], of the original training, counted from 0
Rates = npt.NDArray[np.float32]  # [steps]
Values = npt.NDArray[np.float64]  # [steps]

# As Le & Hua's code (lehduong/NPTM) calls torch.optim.lr_scheduler.OneCycleLR.
_RISING = 0.1  # part of the steps
_START, _END = 1e-2, 1e-4  # parts of the highest rate


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


def one_cycle_values(steps: int, start: float, top: float, end: float) -> Values:
    """Return values from `start` to `top` at step 0.1 n - 1, and from there to `end`, each along half a cosine."""
    step, turn, last = np.arange(steps, dtype=np.float64), _RISING * steps - 1, steps - 1
    up = _half_cosine(start, top, step / turn if turn > 0 else step)
    down = _half_cosine(top, end, (step - turn) / (last - turn))
    return np.where(step < turn, up, down)


def one_cycle_rates(steps: int, highest: float) -> Rates:
    """Return the rates of one cycle of so many steps: hi / 100, up to hi after a tenth of them, down to hi / 10,000."""
    return one_cycle_values(steps, _START * highest, highest, _END * highest).astype(np.float32)


def original_rates(training: Training) -> Rates:
    """Return the rate of each step of the dense training.

    In a warm-up of w steps, step s has s / w of the rate that it would have. A cosine and a line fall from there on,
    over r steps: step w + k has (1 + cos(pi k / r)) / 2 or 1 - k / r of the highest rate; that after the last would
    have 0.
    """
    total, warmup = training.total_steps, training.warmup_steps
    rates = _SCHEDULES[training.lr_schedule](training)
    if warmup:
        rates = (rates * np.minimum(np.arange(total) / warmup, 1)).astype(np.float32)
    return rates


def _staircase(training: Training) -> Rates:
    schedule = Staircase(peak=training.learning_rate, drops=training.drops)
    return schedule(np.arange(training.total_steps))


def _one_cycle(training: Training) -> Rates:
    return one_cycle_rates(training.total_steps, training.learning_rate)


def _cosine(training: Training) -> Rates:
    return (training.learning_rate * _half_cosine(1, 0, _part(training))).astype(np.float32)


def _linear(training: Training) -> Rates:
    return (training.learning_rate * (1 - _part(training))).astype(np.float32)


def _part(training: Training) -> Values:
    """Return how much of the steps after the warm-up is behind each step, from 0 to below 1."""
    total, warmup = training.total_steps, training.warmup_steps
    return np.maximum(np.arange(total) - warmup, 0) / (total - warmup)


def _half_cosine(first: float, last: float, part: Values) -> Values:
    """Return values from `first` at part 0 to `last` at part 1."""
    return last + (first - last) * (1 + np.cos(np.pi * part)) / 2


_SCHEDULES: Mapping[LrSchedule, Callable[[Training], Rates]] = {
    "staircase": _staircase,
    "cosine": _cosine,
    "linear": _linear,
    "one_cycle": _one_cycle,
}
