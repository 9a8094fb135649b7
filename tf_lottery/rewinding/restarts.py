"""Rates of the techniques that begin again at a high rate, instead of replaying the original training's end.

Le & Hua, "Network Pruning That Matters" (ICLR 2021; their code, lehduong/NPTM): scaled restarts (SLR; their flag
--use_llr) and one-cycle restarts (CLR). Zimmer, Spiegel & Pokutta, "How I Learned to Stop Worrying and Love Retraining"
(ICLR 2023; their code, ZIB-IOL/BIMP, runners/baseRunner.py): linear (LLR) and adaptive linear (ALLR) restarts, and
scaled and cyclic ones with a warm-up and a cosine of their own, which are those here.

Of n steps the first w = int(0.1 n) rise from 0 along half a cosine: step s has the rate a (1 - cos(pi s / w)) / 2. Of
the r = n - w that follow, the first two have k = 0, the others k = s - w - 1, as in that code.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tf_lottery.rewinding.retraining import Momenta, Retraining
from tf_lottery.rewinding.schedules import Rates, Values, one_cycle_rates, one_cycle_values

# The defaults of torch.optim.lr_scheduler.OneCycleLR, with which Le & Hua's code calls it.
_HIGH_MOMENTUM, _LOW_MOMENTUM = 0.95, 0.85


def scaled(retraining: Retraining) -> Rates:
    """Return L'[floor(k N / r)]: the whole schedule, its warm-up replaced by the highest rate, within n steps."""
    schedule = retraining.original.astype(np.float64)
    schedule[: retraining.warmup] = retraining.highest
    return _warmed_up(retraining.steps, retraining.highest, lambda k, r: schedule[k * retraining.total // r])


def cyclic(retraining: Retraining) -> Rates:
    """Return lo + (hi - lo) (1 + cos(pi k / r)) / 2: a cosine from the highest rate to the lowest."""
    high, low = retraining.highest, retraining.lowest
    return _warmed_up(retraining.steps, high, lambda k, r: low + (high - low) * (1 + np.cos(np.pi * k / r)) / 2)


def linear(retraining: Retraining) -> Rates:
    """Return hi (1 - k / r): linear from the highest rate to 0."""
    return _linear_from(retraining.highest, retraining.steps)


def adaptive_linear(retraining: Retraining) -> Rates:
    """Return a (1 - k / r) with a = hi D / sqrt(p), at least hi n / N and at most hi.

    The more of the norm was pruned, and the longer the retraining, the higher it starts.

    Raises:
        ValueError: What was pruned is not known.
    """
    share, norm = retraining.removed
    high = retraining.highest
    by_norm = high * norm / math.sqrt(share) if share else 0.0
    by_length = high * retraining.steps / retraining.total
    return _linear_from(min(max(by_norm, by_length), high), retraining.steps)


def one_cycle(retraining: Retraining) -> Rates:
    """Return the rates of one cycle: hi / 100, up to hi along half a cosine, and down to hi / 10,000 along another."""
    return one_cycle_rates(retraining.steps, retraining.highest)


def one_cycle_momenta(steps: int) -> Momenta:
    """Return the momentum of each of n steps of one cycle: 0.95, down to 0.85 where the rate is highest, and back."""
    return one_cycle_values(steps, _HIGH_MOMENTUM, _LOW_MOMENTUM, _HIGH_MOMENTUM).astype(np.float32)


def _linear_from(start: float, steps: int) -> Rates:
    return _warmed_up(steps, start, lambda k, r: start * (1 - k / r))


def _warmed_up(steps: int, highest: float, after: Callable[[npt.NDArray[np.int64], int], Values]) -> Rates:
    """Return the rates of a warm-up to `highest`, and `after(k, r)` from there on."""
    warmup, step = steps // 10, np.arange(steps)
    rising = highest * (1 - np.cos(np.pi * step / max(warmup, 1))) / 2
    falling = after(np.maximum(step - warmup - 1, 0), steps - warmup)
    return np.where(step < warmup, rising, falling).astype(np.float32)
