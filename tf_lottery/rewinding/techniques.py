"""The techniques: what the weights and the learning rate start from when a pruned network is retrained.

Names, starts and rates: the paper, section 2; the authors' code, lottery/lottery.py and gnmt/model/run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.rewinding.schedules import Steps


@dataclass(frozen=True, kw_only=True)
class Technique:
    """One way to retrain; optimizer slots and BN statistics always travel with the weights."""

    weights: Literal["trained", "rewound", "fresh"]
    steps: Callable[[int, int], Steps]  # (total, retrain) -> original step of each retraining step
    meaning: str
    factor: float = 1.0  # of the rate at those steps
    adjusts_dropout: bool = False  # by what is left of each layer, `networks.dropout.adjusted_rate`


def _first(total: int, retrain: int) -> Steps:
    del total
    return np.zeros(retrain, np.int64)


def _last(total: int, retrain: int) -> Steps:
    return np.full(retrain, total - 1, np.int64)


def _replayed(total: int, retrain: int) -> Steps:
    return np.arange(total - retrain, total, dtype=np.int64)


def _all_then_last(total: int, retrain: int) -> Steps:
    return np.minimum(np.arange(total + retrain, dtype=np.int64), total - 1)


TECHNIQUES: Mapping[str, Technique] = {
    "fine_tune": Technique(weights="trained", steps=_last, meaning="trained weights, the last learning rate"),
    "weight_rewind": Technique(
        weights="rewound", steps=_replayed, meaning="weights of epoch T - t, learning rate from there on"
    ),
    "lr_rewind": Technique(
        weights="trained", steps=_replayed, meaning="trained weights, learning rate from epoch T - t on"
    ),
    "low_lr_weight_rewind": Technique(
        weights="rewound", steps=_last, meaning="weights of epoch T - t, the last learning rate"
    ),
    "reinit": Technique(
        weights="fresh",
        steps=_all_then_last,
        meaning="fresh weights under the mask, T epochs plus t at the last rate",
    ),
    # Of the initial rate, as in Han et al. 2015, section 4, for both LeNets; after two drops the last is a hundredth.
    "tenth_rate_fine_tune": Technique(
        weights="trained",
        steps=_first,
        factor=0.1,
        adjusts_dropout=True,
        meaning="trained weights, a tenth of the first learning rate (Han et al. 2015)",
    ),
}
