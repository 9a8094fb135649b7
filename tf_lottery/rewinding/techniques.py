"""The techniques: what weights, optimizer slots and learning rate are when a pruned network is retrained.

Names, starts and rates of the first five: Renda, Frankle & Carbin 2020, section 2; the authors' code,
lottery/lottery.py and gnmt/model/run.py. Of the restarts: `tf_lottery.rewinding.restarts`. They keep the slots as
learning rate rewinding does, so that only the rates differ; but for `one_cycle_restart`, whose authors began with new
ones. (Zimmer et al. begin with new ones at the first level, and keep them from there on.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.rewinding import restarts
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
    adjusts_dropout: bool = False  # by what is left of each layer, `networks.dropout.adjusted_rate`


def _last(retraining: Retraining) -> Rates:
    return np.full(retraining.steps, retraining.last)


def _tenth_of_first(retraining: Retraining) -> Rates:
    return np.full(retraining.steps, retraining.original[retraining.warmup] * np.float32(0.1))


def _replayed(retraining: Retraining) -> Rates:
    return retraining.original[retraining.total - retraining.steps :]


def _all_then_last(retraining: Retraining) -> Rates:
    return np.concatenate([retraining.original, _last(retraining)])


TECHNIQUES: Mapping[str, Technique] = {
    "fine_tune": Technique(weights="trained", rates=_last, meaning="trained weights, the last learning rate (FT)"),
    "weight_rewind": Technique(
        weights="rewound", rates=_replayed, meaning="weights of epoch T - t, learning rate from there on (WR)"
    ),
    "lr_rewind": Technique(
        weights="trained", rates=_replayed, meaning="trained weights, learning rate from epoch T - t on (LRR, LRW)"
    ),
    "low_lr_weight_rewind": Technique(
        weights="rewound", rates=_last, meaning="weights of epoch T - t, the last learning rate"
    ),
    "reinit": Technique(
        weights="fresh",
        rates=_all_then_last,
        meaning="fresh weights under the mask, T epochs plus t at the last rate",
    ),
    # Of the initial rate, as in Han et al. 2015, section 4, for both LeNets; after two drops the last is a hundredth.
    "tenth_rate_fine_tune": Technique(
        weights="trained",
        rates=_tenth_of_first,
        adjusts_dropout=True,
        meaning="trained weights, a tenth of the first learning rate (Han et al. 2015)",
    ),
    "scaled_lr_restart": Technique(
        weights="trained",
        rates=restarts.scaled,
        meaning="trained weights, warm-up, the whole schedule within t epochs (SLR; Le & Hua 2021)",
    ),
    "cyclic_lr_restart": Technique(
        weights="trained",
        rates=restarts.cyclic,
        meaning="trained weights, warm-up, a cosine from the highest rate to the lowest (CLR; Zimmer et al. 2023)",
    ),
    "one_cycle_restart": Technique(
        weights="trained",
        slots="zeroed",
        rates=restarts.one_cycle,
        momenta=restarts.one_cycle_momenta,
        meaning="trained weights, one cycle of rate and momentum from slots at zero (CLR; Le & Hua 2021)",
    ),
    "linear_lr_restart": Technique(
        weights="trained",
        rates=restarts.linear,
        meaning="trained weights, warm-up, linear from the highest rate to 0 (LLR; Zimmer et al. 2023)",
    ),
    "adaptive_linear_lr_restart": Technique(
        weights="trained",
        rates=restarts.adaptive_linear,
        meaning="trained weights, warm-up, linear to 0 from a rate by what was pruned and t (ALLR; Zimmer et al. 2023)",
    ),
}
