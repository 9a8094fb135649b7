import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.rewinding.schedules import Staircase
from tf_lottery.rewinding.techniques import TECHNIQUES


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
    steps = {name: row.steps(total, retrain).tolist() for name, row in TECHNIQUES.items()}
    assert steps["fine_tune"] == steps["low_lr_weight_rewind"] == [total - 1] * retrain
    assert steps["weight_rewind"] == steps["lr_rewind"] == list(range(total - retrain, total))
    assert steps["tenth_rate_fine_tune"] == [0] * retrain
    assert [name for name, row in TECHNIQUES.items() if row.adjusts_dropout] == ["tenth_rate_fine_tune"]
    assert {name: row.factor for name, row in TECHNIQUES.items() if row.factor != 1} == {"tenth_rate_fine_tune": 0.1}
    assert steps["reinit"] == [*range(total), *[total - 1] * retrain]


def test_where_the_replayed_rate_is_constant_lr_rewinding_has_fine_tunings_rates():
    schedule = Staircase(peak=0.1, drops=(35_546, 53_125))
    for retrain, same in ((17_982, True), (17_983, False)):
        replayed = schedule(TECHNIQUES["lr_rewind"].steps(71_108, retrain))
        last = schedule(TECHNIQUES["fine_tune"].steps(71_108, retrain))
        assert np.array_equal(replayed, last) is same


def test_weights_start_from_where_the_table_says():
    assert {name: row.weights for name, row in TECHNIQUES.items()} == {
        "fine_tune": "trained",
        "weight_rewind": "rewound",
        "lr_rewind": "trained",
        "low_lr_weight_rewind": "rewound",
        "reinit": "fresh",
        "tenth_rate_fine_tune": "trained",
    }
