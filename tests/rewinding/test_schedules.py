from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.networks.recipes import LR_SCHEDULES, resolve
from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.schedules import Staircase, original_rates
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


def rates_of(schedule, *, epochs, warmup_epochs=0.0):
    """Return the rates of a training of 10 steps an epoch, of which the highest is 0.1."""
    training = resolve("lenet_digits", examples=640, epochs=epochs, lr_schedule=schedule, warmup_epochs=warmup_epochs)
    assert (training.total_steps, training.batch_size) == (10 * epochs, 64)
    return original_rates(training)


def test_the_other_schedules_of_a_dense_training_are_as_computed_by_hand():
    # r = 120: cosines of 0, 60, 90 and 120 degrees; a line. In one cycle step 11 is the highest, step 119 the last.
    places = [0, 40, 60, 80]
    assert rates_of("cosine", epochs=12)[places] == pytest.approx([0.1, 0.075, 0.05, 0.025], rel=1e-6)
    assert rates_of("linear", epochs=12)[places] == pytest.approx([0.1, 0.1 * 2 / 3, 0.05, 0.1 / 3], rel=1e-6)
    assert rates_of("linear", epochs=12)[-1] == pytest.approx(0.1 / 120, rel=1e-6)
    assert rates_of("one_cycle", epochs=12)[[0, 11, 65, 119]] == pytest.approx(
        [0.001, 0.1, (0.1 + 1e-5) / 2, 1e-5], rel=1e-6
    )


def test_a_warmup_rises_from_0_along_a_line_and_what_follows_falls_over_the_steps_left_or_at_the_same_drops():
    rise = [0.1 * step / 20 for step in range(20)]
    for schedule, at_half in (("cosine", 0.05), ("linear", 0.05)):
        rates = rates_of(schedule, epochs=12, warmup_epochs=2)
        assert rates[:21] == pytest.approx([*rise, 0.1], rel=1e-6)
        assert rates[20 + 50] == pytest.approx(at_half, rel=1e-6)
    plain, warmed = (rates_of("staircase", epochs=12, warmup_epochs=epochs) for epochs in (0, 2))
    assert warmed[:20] == pytest.approx(rise, rel=1e-6)
    assert warmed[20:].tolist() == plain[20:].tolist()
    half = rates_of("cosine", epochs=12, warmup_epochs=0.25)  # int(2.5) steps
    assert half[:3] == pytest.approx([0, 0.05, 0.1])


@given(
    schedule=st.sampled_from(LR_SCHEDULES),
    examples=st.integers(64, 2_000),
    epochs=st.integers(1, 20),
    warmup=st.floats(0, 0.9),
)
def test_the_rate_of_a_dense_training_rises_once_and_falls_once(schedule, examples, epochs, warmup):
    # One that is still going on at the first drop, at half of the training, rises after it.
    part = {"one_cycle": 0.0, "staircase": 0.5}.get(schedule, 1.0)
    warmup = part * warmup * epochs
    training = resolve(
        "lenet_digits", examples=examples, epochs=epochs, lr_schedule=schedule, warmup_epochs=warmup
    )  # fmt: skip
    rates = original_rates(training)
    assert (rates.dtype, len(rates)) == (np.float32, training.total_steps)
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) >= 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates.min() >= 0
    assert rates.max() <= np.float32(0.1)


def test_what_is_replayed_of_a_cosine_is_its_end_and_fine_tuning_has_the_recipes_own_rate():
    training = resolve("lenet_fashion_mnist_cosine", examples=60_000)
    assert (training.fine_tune_rate, training.drops, training.lr_schedule) == (0.0005, (), "cosine")
    original = original_rates(training)
    retraining = Retraining.of(training, 5)
    assert TECHNIQUES["lr_rewind"].rates(retraining).tolist() == original[-training.steps_in(5) :].tolist()
    assert set(TECHNIQUES["fine_tune"].rates(retraining).tolist()) == {np.float32(0.0005)}
    # As the user changes it.
    assert resolve("lenet_fashion_mnist_cosine", examples=60_000, learning_rate=0.3).fine_tune_rate == 0.003
    assert resolve("lenet_fashion_mnist_cosine", examples=60_000, fine_tune_rate=0.02).fine_tune_rate == 0.02
    assert resolve("lenet_fashion_mnist_cosine", examples=60_000, lr_schedule="staircase").fine_tune_rate is None


@given(total=st.integers(1, 200), share=st.floats(0, 1))
def test_each_techniques_steps_are_as_the_paper_says(total, share):
    retrain = max(1, round(total * share))
    original = np.arange(1, total + 1, dtype=np.float32)  # so that each rate tells its step
    retraining = Retraining(original=original, steps=retrain)
    steps = {name: (TECHNIQUES[name].rates(retraining) - 1).tolist() for name in PAPER}
    assert steps["fine_tune"] == steps["low_lr_weight_rewind"] == [total - 1] * retrain
    assert steps["weight_rewind"] == steps["lr_rewind"] == list(range(total - retrain, total))
    assert [name for name, row in TECHNIQUES.items() if row.adjusts_dropout] == ["tenth_rate_fine_tune"]
    # Han et al. 2015: a tenth of the first.
    assert TECHNIQUES["tenth_rate_fine_tune"].rates(retraining).tolist() == [np.float32(0.1)] * retrain
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


@given(total=st.integers(1, 200), share=st.floats(0, 1))
def test_the_lottery_ticket_papers_techniques_have_the_replayed_rates_or_the_whole_schedule(total, share):
    retrain = max(1, round(total * share))
    original = np.arange(1, total + 1, dtype=np.float32)
    retraining = Retraining(original=original, steps=retrain)
    replayed, whole = TECHNIQUES["random_reinit"], TECHNIQUES["weight_rewind_whole_schedule"]
    assert replayed.rates(retraining).tolist() == original[total - retrain :].tolist()
    assert whole.rates(retraining).tolist() == original.tolist()
    assert (replayed.weights, whole.weights) == ("fresh", "rewound")
    # How long a stage trains is as many steps as it has rates.
    for row in TECHNIQUES.values():
        assert row.epochs(total, retrain) == len(row.rates(replace(retraining, pruned_share=0.5, removed_norm=0.5)))


@given(examples=st.integers(50, 5_000), batch=st.integers(1, 50), epochs=st.integers(1, 30), data=st.data())
def test_a_rewind_to_any_step_leaves_exactly_the_steps_after_it(examples, batch, epochs, data):
    training = resolve("lenet_digits", examples=examples, batch_size=batch, epochs=epochs)
    step = data.draw(st.integers(0, training.total_steps - 1))
    t = training.epochs_after(step)
    assert 0 < t <= epochs
    assert training.total_steps - training.steps_in(round(t, 6)) == step
