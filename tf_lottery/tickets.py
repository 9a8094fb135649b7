"""Whether a pruned network is a winning ticket, by the rule of Frankle & Carbin 2019, section 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from tf_lottery.arguments import number


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training came to."""

    early_stop_step: float  # of least validation loss, counted from the initialisation
    early_stop_accuracy: float  # on test data, at that step; 0 to 1
    accuracy: float  # on test data, at the end; 0 to 1

    def __post_init__(self) -> None:
        for each in fields(self):
            value = number(each.name, getattr(self, each.name))
            most = math.inf if each.name == "early_stop_step" else 1.0
            if not 0 <= value <= most:
                what = "a step, 0 or more" if most > 1 else "a share of right answers, from 0 to 1"
                raise ValueError(f"{each.name} is {value:g}; expected {what}.")


def is_winning_ticket(pruned: Outcome | Sequence[Outcome], dense: Outcome | Sequence[Outcome]) -> bool:
    """Say whether a pruned network is a winning ticket of the dense one that it comes from.

    It reaches its least validation loss in at most as many steps, and at that step, and at the end of a training of
    equal length, at least the dense network's test accuracy (Frankle & Carbin 2019, section 1: j' <= j, a' >= a).

    Example:
        tl.is_winning_ticket(
            tl.Outcome(early_stop_step=3000, early_stop_accuracy=0.982, accuracy=0.981),
            tl.Outcome(early_stop_step=5000, early_stop_accuracy=0.979, accuracy=0.980),
        )  # True

    Args:
        pruned: The pruned network, trained; or one for each trial, of which means are compared.
        dense: The dense network; or one for each trial.

    Raises:
        TypeError: Something else than `Outcome`.
        ValueError: No trial.
    """
    first, second = _means("pruned", pruned), _means("dense", dense)
    return first[0] <= second[0] and first[1] >= second[1] and first[2] >= second[2]


def _means(name: str, trained: Outcome | Sequence[Outcome]) -> tuple[float, ...]:
    """Return the means over trials; sums are exact, so that the order of trials changes nothing."""
    trials = [trained] if isinstance(trained, Outcome) else list(trained)
    if not trials:
        raise ValueError(f"{name} has no trial; expected one or more. Pass a tf_lottery.Outcome for each.")
    for trial in trials:
        if not isinstance(trial, Outcome):
            raise TypeError(f"{name} is {trial!r} ({type(trial).__name__}); expected tf_lottery.Outcome, one a trial.")
    return tuple(math.fsum(getattr(trial, each.name) for trial in trials) / len(trials) for each in fields(Outcome))
