import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.schedules import Staircase
from tf_lottery.rewinding.techniques import TECHNIQUES

# What the weights of the paper's techniques start from.
PAPER = {
    "fine_tune": "trained",
    "weight_rewind": "rewound",
    "lr_rewind": "trained",
    "low_lr_weight_rewind": "rewound",
    "reinit": "fresh",
}


@given(drops=st.lists(st.integers(0, 50), max_size=4).map(sorted), peak=st.floats(1e-3, 10))
def test_the_rate_falls_one_step_after_each_drop(drops, peak):
    rates = Staircase(peak=peak, drops=tuple(drops))(np.arange(60))
    expected = [np.float32(peak * 0.1 ** sum(drop < step for drop in drops)) for step in range(60)]
    assert rates.tolist() == expected


@pytest.mark.parametrize(("peak", "drops"), [(0, ()), (float("nan"), ()), (0.1, (5, 3)), (0.1, (-1,))])
def test_a_schedule_that_cannot_be_is_refused(peak, drops):
    with pytest.raises(ValueError, match="expected"):
        Staircase(peak=peak, drops=drops)


@given(total=st.integers(1, 200), share=st.floats(0, 1))
def test_each_techniques_steps_are_as_the_paper_says(total, share):
    retrain = max(1, round(total * share))
    original = np.arange(1, total + 1, dtype=np.float32)  # so that each rate tells its step
    retraining = Retraining(original=original, steps=retrain)
    steps = {name: (TECHNIQUES[name].rates(retraining) - 1).tolist() for name in PAPER}
    assert steps["fine_tune"] == steps["low_lr_weight_rewind"] == [total - 1] * retrain
    assert steps["weight_rewind"] == steps["lr_rewind"] == list(range(total - retrain, total))
    assert steps["reinit"] == [*range(total), *[total - 1] * retrain]


def test_where_the_replayed_rate_is_constant_lr_rewinding_has_fine_tunings_rates():
    original = Staircase(peak=0.1, drops=(35_546, 53_125))(np.arange(71_108))
    for retrain, same in ((17_982, True), (17_983, False)):
        replayed, last = (
            TECHNIQUES[name].rates(Retraining(original=original, steps=retrain)) for name in ("lr_rewind", "fine_tune")
        )
        assert np.array_equal(replayed, last) is same


def test_weights_start_from_where_the_paper_says_and_slots_travel_with_them():
    assert {name: TECHNIQUES[name].weights for name in PAPER} == PAPER
    assert {TECHNIQUES[name].slots for name in PAPER} == {"kept"}
