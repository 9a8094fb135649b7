"""`RatesByStep`: a callback that gives each step of a `fit` its learning rate, and its momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.slots import unscaled
from tf_lottery.rewinding.momentum_sgd import MomentumSGD
from tf_lottery.rewinding.rates import OffsetSchedule, schedule_of
from tf_lottery.rewinding.resumption import Resumption
from tf_lottery.rewinding.state import check_trainable
from tf_lottery.rewinding.values_by_step import ValuesByStep


class RatesByStep(keras.callbacks.Callback):
    """Gives the first step of `fit` the first of some rates, and so on; weights, slots and the optimizer's count stay.

    The optimizer keeps the rates when `fit` ends, the last one for all steps to come; another `RatesByStep` replaces
    them. A technique that begins with a new optimizer's slots (one_cycle_restart) asks for `model.compile` with a new
    optimizer before `fit`.

    A `fit` that `BackupAndRestore` puts back into its middle goes on with the rates of that step. It must be a backup
    of this `fit`: give each `fit` a folder of its own.

    Example:
        rates = tl.retraining_rates("cyclic_lr_restart", original=schedule, total=9380, retrain=2345)
        model.fit(x, y, epochs=5, callbacks=[tl.RatesByStep(rates)])
    """

    _resumption: Resumption

    def __init__(self, rates: Any, momenta: Any = None) -> None:
        """Choose the rates.

        Args:
            rates: [steps] of each step of the optimizer, as `retraining_rates` returns them; 0 or more.
            momenta: [steps] of each step, as `retraining_momenta` returns them, in [0, 1); None leaves the optimizer's
                own. The optimizer must be a `tl.MomentumSGD`: a training step that was traced with another one goes on
                with the momentum that it was traced with.

        Raises:
            TypeError: No numbers.
            ValueError: None at all, not in one row, out of range, or not as many momenta as rates.
        """
        super().__init__()
        self._rates = _row("rates", rates, below=np.inf)
        self._momenta = None if momenta is None else _row("momenta", momenta, below=1.0)
        if self._momenta is not None and len(self._momenta) != len(self._rates):
            raise ValueError(
                f"there are {len(self._momenta)} momenta for {len(self._rates)} rates; expected one for each step."
            )

    def set_model(self, model: Any) -> None:
        """Put the schedules into the optimizer, before a backup is restored, so that their beginning is in it."""
        super().set_model(model)
        check_trainable(model)
        self._resumption = Resumption(model)
        optimizer = unscaled(model.optimizer)
        if self._momenta is not None and not isinstance(optimizer, MomentumSGD):
            raise ValueError(
                f"the model is compiled with {type(optimizer).__name__}, whose momentum does not move from step to "
                "step; expected tl.MomentumSGD. Compile with that, or leave out momenta."
            )
        with model.distribute_strategy.scope():
            # Not by the property: the optimizer would be saved with both schedules, and not be loaded.
            optimizer._learning_rate = optimizer._build_learning_rate(OffsetSchedule(ValuesByStep(self._rates)))
            if self._momenta is not None:
                optimizer.momentum = OffsetSchedule(ValuesByStep(self._momenta))
        # Keras remembers what of an optimizer is saved from the first time on: without the offsets.
        vars(optimizer).pop("_coalesced_children", None)
        if model.train_function is not None:  # the old schedule is part of it
            model.make_train_function(force=True)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Have the first step take the first rate, unless this `fit` goes on."""
        del logs
        if self._resumption.is_seen():
            return
        optimizer = unscaled(self.model.optimizer)
        schedules = [schedule_of(optimizer)] if self._momenta is None else [schedule_of(optimizer), optimizer.momentum]
        for schedule in schedules:
            schedule.offset.assign(-int(optimizer.iterations.numpy()))


def _row(name: str, values: Any, *, below: float) -> Any:
    try:
        row = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} are {type(values).__name__}; expected numbers, one for each step.") from None
    if row.ndim != 1 or not row.size:
        raise ValueError(f"{name} have the shape {row.shape}; expected one for each step, and one at least.")
    if not ((row >= 0) & (row < below)).all():
        limit = "finite" if below == np.inf else f"below {below:g}"
        raise ValueError(f"{name} go from {row.min():g} to {row.max():g}; expected 0 or more, and {limit}.")
    return row.astype(np.float32)
