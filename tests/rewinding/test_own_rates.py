"""The rates of a technique for a training of one's own, from whatever its rate was given by."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras

STAIRS = [1.0] * 4 + [0.1] * 4 + [0.01] * 2
# Keras' own staircase takes one step at a time, and has the old rate at the boundary's own step.
PIECEWISE = keras.optimizers.schedules.PiecewiseConstantDecay([3, 7], [1.0, 0.1, 0.01])
COSINE = keras.optimizers.schedules.CosineDecay(1.0, 1000)


@pytest.mark.parametrize("original", [STAIRS, tuple(STAIRS), np.array(STAIRS), np.array(STAIRS, np.float32), PIECEWISE])
def test_rates_come_from_a_schedule_or_from_an_array_alike(original):
    total = {"total": 10} if original is PIECEWISE else {}
    replayed = tl.retraining_rates("lr_rewind", original=original, retrain=4, **total)
    assert (replayed.dtype, replayed.tolist()) == (np.float32, np.float32([0.1, 0.1, 0.01, 0.01]).tolist())
    tuned = tl.retraining_rates("fine_tune", original=original, retrain=3, **total)
    assert tuned.tolist() == [np.float32(0.01)] * 3
    line = tl.retraining_rates("linear_lr_restart", original=original, retrain=5, **total)
    assert line == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.4])
    assert len(tl.retraining_rates("reinit", original=original, retrain=4, **total)) == 14


def test_a_constant_rate_is_a_number_and_the_report_of_a_pruning_goes_in_as_it_is():
    model = tl.prunable(keras.Sequential([keras.layers.Dense(4, input_shape=(4,))]))
    report = tl.prune(model, 0.25)
    found = tl.retraining_rates(
        "adaptive_linear_lr_restart", original=0.5, total=1000, retrain=100,
        pruned_share=report.pruned_share, removed_norm=report.removed_norm,
    )  # fmt: skip
    assert report.pruned_share == 0.75
    assert found.max() == pytest.approx(0.5 * max(0.1, report.removed_norm / 0.75**0.5), rel=1e-6)


def test_the_warmup_of_the_original_says_nothing_of_its_lowest_rate():
    original = [0.0, 0.5, *STAIRS]
    for warmup, lowest in ((0, 0.0), (2, 0.01)):
        found = tl.retraining_rates("cyclic_lr_restart", original=original, retrain=12, warmup=warmup)
        # w = 1, r = 11, k = 9 at last
        assert found[-1] == pytest.approx(lowest + (1 - lowest) * (1 + np.cos(np.pi * 9 / 11)) / 2, rel=1e-6)


def test_a_training_that_ends_near_0_asks_for_a_rate_to_fine_tune_at():
    for name in ("fine_tune", "low_lr_weight_rewind", "reinit"):
        with pytest.raises(
            ValueError, match=r"ends at a learning rate of 2.5e-06, .* such as 0.01, with --fine_tune_r"
        ):
            tl.retraining_rates(name, original=COSINE, total=1000, retrain=10)
        found = tl.retraining_rates(name, original=COSINE, total=1000, retrain=10, fine_tune_rate=0.02)
        assert found[-10:].tolist() == [np.float32(0.02)] * 10
    assert tl.retraining_rates("lr_rewind", original=COSINE, total=1000, retrain=500)[0] == pytest.approx(0.5)


def test_what_is_returned_is_nobody_elses():
    original = np.array(STAIRS, np.float32)
    tl.retraining_rates("lr_rewind", original=original, retrain=10)[:] = 7
    assert original.max() == 1


def test_momenta_are_those_of_one_cycle_alone():
    assert tl.retraining_momenta("lr_rewind", retrain=3) is None
    assert tl.retraining_momenta("one_cycle_restart", retrain=40)[[0, 3, 39]] == pytest.approx([0.95, 0.85, 0.95])


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"technique": "lr_rewnd"}, ValueError, "Did you mean 'lr_rewind'"),
        ({"technique": 3}, TypeError, r"technique is 3 \(int\); expected one of fine_tune, "),
        ({"retrain": 0}, ValueError, "retrain is 0; expected 1 or more"),
        ({"retrain": 11}, ValueError, "retrain is 11; expected 1 to 10, the steps of the original"),
        ({"retrain": 2.5}, TypeError, "retrain is 2.5 .*; expected a whole number"),
        ({"total": 11}, ValueError, "original has 10 rates and total is 11; expected one for each step"),
        ({"original": 0.1}, ValueError, "total is not given; expected the steps"),
        ({"original": "fast", "total": 3}, TypeError, r"original is 'fast' \(str\); expected a number"),
        ({"original": [0.1, float("nan"), 0.1]}, ValueError, "expected finite numbers of 0 or more"),
        ({"original": [0.0, 0.0, 0.0]}, ValueError, "expected finite numbers of 0 or more, not all of them 0"),
        ({"original": ["a", "b", "c"]}, ValueError, "expected finite numbers"),
        ({"warmup": 10}, ValueError, "warmup is 10; expected below 10"),
        ({"pruned_share": 1.5}, ValueError, "pruned_share is 1.5; expected 0 to 1"),
        ({"removed_norm": "much"}, TypeError, "removed_norm is 'much' .*; expected a number"),
        ({"fine_tune_rate": 0}, ValueError, "fine_tune_rate is 0; expected a finite number above 0"),
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(changes, kind, sentence):
    arguments = {"technique": "fine_tune", "original": STAIRS, "retrain": 3} | changes
    with pytest.raises(kind, match=sentence):
        tl.retraining_rates(**arguments)
