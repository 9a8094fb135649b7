"""Pruning, weight rewinding and learning rate rewinding for Keras 2 models, and the experiments of the paper.

    import tf_lottery as tl

The names below are imported when they are first used; this import alone costs nothing, and sets
TF_USE_LEGACY_KERAS=1, without which `tf.keras` is Keras 3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tf_lottery import lazy_tf as _lazy_tf
from tf_lottery.pruning.registration import register as _register

if TYPE_CHECKING:
    from tf_lottery.pruning.channels.equality import ShrinkError
    from tf_lottery.pruning.channels.report import ShrinkReport
    from tf_lottery.pruning.channels.shrink import shrink
    from tf_lottery.pruning.export import ExportReport, export
    from tf_lottery.pruning.flops import flops
    from tf_lottery.pruning.prunable import prunable
    from tf_lottery.pruning.prune import PruneReport, density, masks, prune, set_masks
    from tf_lottery.pruning.strip import strip
    from tf_lottery.pruning.wrapper import Masked
    from tf_lottery.rewinding.learning_rate_rewinding import LearningRateRewinding, rewind_learning_rate
    from tf_lottery.rewinding.momentum_sgd import MomentumSGD
    from tf_lottery.rewinding.own_rates import retraining_momenta, retraining_rates
    from tf_lottery.rewinding.points import RewindPoints
    from tf_lottery.rewinding.rates import OffsetSchedule
    from tf_lottery.rewinding.rates_by_step import RatesByStep
    from tf_lottery.rewinding.weight_rewinding import WeightRewinding, rewind_weights

__version__ = "0.3.0"

__all__ = [  # noqa: RUF022 - in the order of use
    "prunable",
    "prune",
    "PruneReport",
    "density",
    "masks",
    "set_masks",
    "flops",
    "shrink",
    "ShrinkReport",
    "ShrinkError",
    "strip",
    "export",
    "ExportReport",
    "Masked",
    "RewindPoints",
    "WeightRewinding",
    "LearningRateRewinding",
    "rewind_weights",
    "rewind_learning_rate",
    "OffsetSchedule",
    "MomentumSGD",
    "retraining_rates",
    "retraining_momenta",
    "RatesByStep",
]

_WHERE = {
    "ExportReport": "pruning.export",
    "LearningRateRewinding": "rewinding.learning_rate_rewinding",
    "Masked": "pruning.wrapper",
    "MomentumSGD": "rewinding.momentum_sgd",
    "OffsetSchedule": "rewinding.rates",
    "PruneReport": "pruning.prune",
    "RatesByStep": "rewinding.rates_by_step",
    "RewindPoints": "rewinding.points",
    "ShrinkError": "pruning.channels.equality",
    "ShrinkReport": "pruning.channels.report",
    "WeightRewinding": "rewinding.weight_rewinding",
    "density": "pruning.prune",
    "export": "pruning.export",
    "flops": "pruning.flops",
    "masks": "pruning.prune",
    "prunable": "pruning.prunable",
    "prune": "pruning.prune",
    "retraining_momenta": "rewinding.own_rates",
    "retraining_rates": "rewinding.own_rates",
    "rewind_learning_rate": "rewinding.learning_rate_rewinding",
    "rewind_weights": "rewinding.weight_rewinding",
    "set_masks": "pruning.prune",
    "shrink": "pruning.channels.shrink",
    "strip": "pruning.strip",
}

_register(
    "tf_lottery.rewinding.momentum_sgd",
    "tf_lottery.rewinding.rates",
    "tf_lottery.rewinding.values_by_step",
    "tf_lottery.networks.dropout",
)


def __getattr__(name: str) -> Any:
    if name == "keras":
        return _lazy_tf.keras
    if name not in _WHERE:
        raise AttributeError(f"module 'tf_lottery' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tf_lottery.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    # What is public, for completion and documentation tools: no imports of this file.
    return sorted({*__all__, "keras", *(name for name in globals() if name.startswith("__"))})
