"""The rates of the restarts, beside values computed by hand, and one cycle beside PyTorch's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.techniques import TECHNIQUES

# 20 original steps: two of a warm-up from 0, then 1, 0.1 and 0.01.
ORIGINAL = np.array([0.0, 0.5, *[1.0] * 8, *[0.1] * 5, *[0.01] * 5], np.float32)
# 20 retraining steps: w = 2 rise to a, r = 18, and k = 0 0 1 2 ... 16.
RISE = [0.0, 0.5]  # a (1 - cos 0) / 2, a (1 - cos(pi / 2)) / 2


def rates(technique, *, steps=20, original=ORIGINAL, warmup=2, share=None, norm=None):
    retraining = Retraining(original=original, warmup=warmup, steps=steps, pruned_share=share, removed_norm=norm)
    found = TECHNIQUES[technique].rates(retraining)
    assert (found.dtype, found.shape) == (np.float32, (steps,))
    return found


def close(expected):
    return pytest.approx(expected, rel=1e-6, abs=1e-9)  # of float32


def test_the_scaled_schedule_is_the_whole_one_within_fewer_steps_without_its_warmup():
    # floor(20 k / 18) for k = 0 .. 16; L' is 1 to step 9, 0.1 to step 14, 0.01 from there.
    places = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17]
    expected = [1.0 if place < 10 else 0.1 if place < 15 else 0.01 for place in places]
    assert rates("scaled_lr_restart") == close([*RISE, *expected])
    # n = 10: w = 1, r = 9; k = 0 0 1 .. 7 are the places 0 0 2 4 6 8 11 13 15.
    assert rates("scaled_lr_restart", steps=10) == close([0, *[1.0] * 6, 0.1, 0.1, 0.01])


def test_the_cosine_falls_from_the_highest_to_the_lowest_rate_after_the_warmup():
    assert rates("cyclic_lr_restart")[:4] == close([*RISE, 1.0, 1.0])
    # k = 3, 6, 9 and 12 of 18: cosines of 30, 60, 90 and 120 degrees.
    cosines = [math.sqrt(3) / 2, 0.5, 0.0, -0.5]
    assert rates("cyclic_lr_restart")[[6, 9, 12, 15]] == close([0.01 + 0.99 * (1 + c) / 2 for c in cosines])


def test_the_line_falls_from_the_highest_rate_to_nearly_0():
    assert rates("linear_lr_restart") == close([*RISE, 1.0, *[1 - k / 18 for k in range(17)]])
    assert rates("linear_lr_restart", steps=5) == close([1.0, 1.0, 0.8, 0.6, 0.4])  # w = 0, r = 5, k = 0 0 1 2 3


@pytest.mark.parametrize(
    ("steps", "share", "norm", "start"),
    [
        (20, 0.2, 0.1, 1.0),  # t = T: from the highest
        (10, 0.25, 0.4, 0.8),  # by the norm: 0.4 / sqrt(0.25)
        (10, 0.25, 0.1, 0.5),  # 0.2 by the norm, and t / T = 1/2
        (10, 0.25, 0.9, 1.0),  # 1.8 by the norm, and 1 is the highest
        (10, 0.0, 0.0, 0.5),  # nothing was pruned
    ],
)
def test_the_adaptive_line_starts_by_what_was_pruned_and_by_how_long_is_retrained(steps, share, norm, start):
    found = rates("adaptive_linear_lr_restart", steps=steps, share=share, norm=norm)
    assert found == close(start * rates("linear_lr_restart", steps=steps))


def test_the_adaptive_line_needs_to_know_what_was_pruned():
    with pytest.raises(ValueError, match="expected pruned_share and removed_norm"):
        rates("adaptive_linear_lr_restart")


def test_one_cycle_rises_to_a_tenth_of_the_steps_and_falls_to_a_ten_thousandth():
    # n = 40: up from 0.01 at step 0 to 1 at step 3 (cosines of 0, 60, 120, 180 degrees), down to 0.0001 at step 39.
    found = rates("one_cycle_restart", steps=40, original=np.ones(40, np.float32))
    assert found[:4] == close([0.01, 0.01 + 0.99 / 4, 0.01 + 0.99 * 3 / 4, 1.0])
    assert found[[15, 21, 27, 39]] == close([1e-4 + (1 - 1e-4) * part for part in (3 / 4, 1 / 2, 1 / 4, 0)])
    momenta = TECHNIQUES["one_cycle_restart"].momenta(40)
    assert momenta.dtype == np.float32
    assert momenta[[0, 1, 2, 3, 15, 21, 27, 39]] == close([0.95, 0.925, 0.875, 0.85, 0.875, 0.9, 0.925, 0.95])
    row = TECHNIQUES["one_cycle_restart"]
    assert (row.weights, row.slots) == ("trained", "zeroed")


@pytest.mark.parametrize("steps", [11, 16, 100, 1000])
def test_one_cycle_is_pytorchs(steps):
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=steps, pct_start=0.1, div_factor=100, final_div_factor=100
    )
    theirs = []
    for _ in range(steps):
        (group,) = optimizer.param_groups
        theirs.append((group["lr"], group["momentum"]))
        optimizer.step()
        if len(theirs) < steps:
            schedule.step()
    found = rates("one_cycle_restart", steps=steps, original=np.full(steps, 0.1))
    assert found == close([rate for rate, _ in theirs])
    assert TECHNIQUES["one_cycle_restart"].momenta(steps) == close([momentum for _, momentum in theirs])


@given(
    technique=st.sampled_from(sorted(name for name, row in TECHNIQUES.items() if row.trains == "t")),
    original=st.lists(st.sampled_from([1.0, 0.5, 0.1, 0.01]), min_size=1, max_size=40),
    part=st.floats(0, 1),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    norm=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_no_rate_is_above_the_highest_or_below_0_however_short_the_retraining(technique, original, part, share, norm):
    steps = max(1, round(part * len(original)))
    original = np.array(original, np.float32)
    found = rates(technique, steps=steps, original=original, warmup=0, share=share, norm=norm)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= original.max() * (1 + 1e-6)
    momenta = TECHNIQUES[technique].momenta
    assert momenta is None or ((momenta(steps) > 0.8499) & (momenta(steps) < 0.9501)).all()
