"""The rates and momenta of a technique, for a training of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.lookup import lookup
from tf_lottery.rewinding.retraining import Momenta, Retraining
from tf_lottery.rewinding.schedules import Rates
from tf_lottery.rewinding.techniques import TECHNIQUES, Technique


def retraining_rates(
    technique: str,
    *,
    original: Any,
    retrain: int,
    total: int | None = None,
    warmup: int = 0,
    pruned_share: float | None = None,
    removed_norm: float | None = None,
    fine_tune_rate: float | None = None,
) -> Rates:
    """Return the learning rate of each step of a retraining.

    Example:
        report = tl.prune(model, 0.2)
        rates = tl.retraining_rates("linear_lr_restart", original=schedule, total=20 * 469, retrain=5 * 469)
        model.fit(x, y, epochs=5, callbacks=[tl.RatesByStep(rates)])

    Args:
        technique: One of those that `python -m tf_lottery --list` shows as strategies, such as lr_rewind or
            cyclic_lr_restart; sources and formulas are in `tf_lottery.rewinding.techniques` and `restarts`.
        original: The learning rate of the original training: a Keras schedule, an array [total], or one number.
        retrain: Steps of the retraining, n; from 1 to `total`.
        total: Steps of the original training, N; an array tells it by its length.
        warmup: Steps at the start of the original training in which its rate rose: the lowest rate is that of the
            others.
        pruned_share: Share of the weights left before, that the pruning removed; adaptive_linear_lr_restart asks for
            it, and for the next. `tl.prune` returns both in its report.
        removed_norm: Norm of the weights that the pruning removed / norm of all trained variables.
        fine_tune_rate: Instead of the original training's last rate, which fine_tune and other techniques go on at;
            needed where that is nearly 0, as of a cosine.

    Returns:
        float32 [retrain]; of reinit [total + retrain], of weight_rewind_whole_schedule [total].

    Raises:
        TypeError: An argument of another kind.
        ValueError: An unknown technique, a value out of range, or one that this technique needs and that is not given.
    """
    row = _row(technique)
    rates = _original(original, total)
    steps = arguments.integer("retrain", retrain, least=1)
    if steps > len(rates):
        raise ValueError(f"retrain is {steps}; expected 1 to {len(rates)}, the steps of the original training.")
    warmup = arguments.integer("warmup", warmup, least=0)
    if warmup >= len(rates):
        raise ValueError(f"warmup is {warmup}; expected below {len(rates)}, the steps of the original training.")
    share, norm = _share("pruned_share", pruned_share), _share("removed_norm", removed_norm)
    if fine_tune_rate is not None and not 0 < arguments.number("fine_tune_rate", fine_tune_rate) < np.inf:
        raise ValueError(f"fine_tune_rate is {fine_tune_rate}; expected a finite number above 0.")
    found = row.rates(
        Retraining(
            original=rates,
            warmup=warmup,
            steps=steps,
            pruned_share=share,
            removed_norm=norm,
            fine_tune_rate=fine_tune_rate,
        )
    )
    return found.copy()  # not a view of what the caller gave


def retraining_momenta(technique: str, *, retrain: int) -> Momenta | None:
    """Return the momentum of each step of a retraining, None where the technique leaves it as it is.

    Args:
        technique: As of `retraining_rates`. Only one_cycle_restart moves the momentum.
        retrain: Steps of the retraining, 1 or more.

    Returns:
        float32 [retrain], or None.

    Raises:
        TypeError: An argument of another kind.
        ValueError: An unknown technique, or no step.
    """
    momenta, steps = _row(technique).momenta, arguments.integer("retrain", retrain, least=1)
    return None if momenta is None else momenta(steps)


def _row(technique: Any) -> Technique:
    if not isinstance(technique, str):
        raise TypeError(
            f"technique is {technique!r} ({type(technique).__name__}); expected one of {', '.join(TECHNIQUES)}."
        )
    return lookup("technique", TECHNIQUES, technique)


def _original(value: Any, total: Any) -> Rates:
    """Return the rate of each step of the original training."""
    steps = None if total is None else arguments.integer("total", total, least=1)
    is_schedule = isinstance(value, keras.optimizers.schedules.LearningRateSchedule)
    if not is_schedule and np.ndim(value) == 1 and not isinstance(value, (str, dict)):
        rates = np.asarray(value)
        if steps not in (None, len(rates)):
            raise ValueError(f"original has {len(rates)} rates and total is {steps}; expected one for each step.")
    elif steps is None:
        raise ValueError("total is not given; expected the steps of the original training. Pass total=.")
    elif is_schedule:
        rates = _rates_of(value, steps)
    else:
        rates = np.full(steps, arguments.number("original", value))
    if rates.dtype.kind not in "iuf" or not np.isfinite(rates).all() or (rates < 0).any() or not rates.any():
        raise ValueError("original has rates that are none; expected finite numbers of 0 or more, not all of them 0.")
    return rates.astype(np.float32)


def _rates_of(schedule: Any, steps: int) -> Rates:
    """Return the rate of each step of a Keras schedule; some take one step at a time only."""

    @tf.function
    def each() -> Any:
        return tf.map_fn(
            lambda step: tf.cast(schedule(step), tf.float32),
            tf.range(steps, dtype=tf.int64),
            fn_output_signature=tf.float32,
        )

    rates: Rates = each().numpy()
    return rates


def _share(name: str, value: Any) -> float | None:
    if value is None:
        return None
    number = arguments.number(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is {value}; expected 0 to 1, such as that of the report that tl.prune returned.")
    return number
