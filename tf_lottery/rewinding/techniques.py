"""The techniques: what weights, optimizer slots and learning rate are when a pruned network is retrained.

Names, starts and rates of the first five: Renda, Frankle & Carbin 2020, section 2; the authors' code,
lottery/lottery.py and gnmt/model/run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.rewinding.retraining import Momenta, Retraining
from tf_lottery.rewinding.schedules import Rates


@dataclass(frozen=True, kw_only=True)
class Technique:
    """One way to retrain; BN statistics always travel with the weights."""

    weights: Literal["trained", "rewound", "fresh"]
    rates: Callable[[Retraining], Rates]  # of each step: n of them, or with fresh weights total + n
    momenta: Callable[[int], Momenta] | None = None  # of each of n steps; None leaves the optimizer's own
    # "kept": optimizer slots and step travel with the weights; "zeroed": as those of a new optimizer.
    slots: Literal["kept", "zeroed"] = "kept"
    meaning: str


def _last(retraining: Retraining) -> Rates:
    return np.full(retraining.steps, retraining.last)


def _replayed(retraining: Retraining) -> Rates:
    return retraining.original[retraining.total - retraining.steps :]


def _all_then_last(retraining: Retraining) -> Rates:
    return np.concatenate([retraining.original, _last(retraining)])


TECHNIQUES: Mapping[str, Technique] = {
    "fine_tune": Technique(weights="trained", rates=_last, meaning="trained weights, the last learning rate"),
    "weight_rewind": Technique(
        weights="rewound", rates=_replayed, meaning="weights of epoch T - t, learning rate from there on"
    ),
    "lr_rewind": Technique(
        weights="trained", rates=_replayed, meaning="trained weights, learning rate from epoch T - t on"
    ),
    "low_lr_weight_rewind": Technique(
        weights="rewound", rates=_last, meaning="weights of epoch T - t, the last learning rate"
    ),
    "reinit": Technique(
        weights="fresh",
        rates=_all_then_last,
        meaning="fresh weights under the mask, T epochs plus t at the last rate",
    ),
}
