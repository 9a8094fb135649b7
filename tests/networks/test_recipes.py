from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.datasets.known import DATASETS
from tf_lottery.networks.recipes import RECIPES, default_recipe, resolve
from tf_lottery.rewinding.schedules import Staircase

# Rewind steps of the authors' CIFAR-10 checkpoints: 71,108 - ceil(390.625 t), and 0 for t = 182.
REWIND_STEPS = {
    10: 67_201, 30: 59_389, 50: 51_576, 70: 43_764, 90: 35_951, 110: 28_139, 130: 20_326, 150: 12_514, 170: 4_701,
    182: 0,
}  # fmt: skip


@pytest.fixture
def paper():
    return resolve("paper_cifar10", examples=50_000)


def test_the_cifar10_recipe_is_the_papers_to_the_step(paper):
    assert paper.total_steps == 71_108
    assert paper.drops == (35_546, 53_125)
    rates = Staircase(peak=paper.learning_rate, drops=paper.drops)(np.arange(paper.total_steps))
    # "Greater than": the boundary's own step still has the old rate.
    assert [(rates == np.float32(rate)).sum() for rate in (0.1, 0.01, 0.001)] == [35_547, 17_579, 17_982]
    assert (paper.optimizer, paper.momentum, paper.nesterov, paper.batch_size) == (
        "momentum_sgd",
        0.9,
        False,
        128,
    )
    assert paper.l2 == 2e-4


@pytest.mark.parametrize(("t", "step"), REWIND_STEPS.items())
def test_rewind_steps_are_those_of_the_authors(paper, t, step):
    assert paper.total_steps - paper.steps_in(t) == step


@given(
    name=st.sampled_from(sorted(RECIPES)),
    examples=st.integers(100, 5_000),
    epochs=st.integers(1, 40),
    batch=st.integers(1, 99),
)
def test_epochs_end_in_order_at_every_rewind_step_and_at_the_end(name, examples, epochs, batch):
    training = resolve(name, examples=examples, epochs=epochs, batch_size=batch)
    ends = training.ends_of_epochs(training.total_steps)
    assert list(ends) == sorted(set(ends))
    assert (ends[0], ends[-1]) == (0, training.total_steps)
    assert np.diff(ends).max() <= training.longest_epoch
    for t in range(1, epochs):
        assert training.total_steps - training.steps_in(t) in ends


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("network", ["lenet_300_100", "resnet20", "resnet56_x0.5"])
def test_every_network_has_a_recipe_for_every_dataset(network, dataset):
    assert default_recipe(network, dataset) in RECIPES


def test_the_recipes_for_han_differ_in_their_penalty_alone():
    made = {which: resolve(f"lenet_mnist_{which}", examples=60_000) for which in ("l2", "l1", "no_decay")}
    dropout = resolve("lenet_mnist_dropout", examples=60_000)
    assert replace(dropout, recipe="lenet_mnist_l2", dropout=0.0) == made["l2"]
    assert [(one.l2 > 0, one.l1 > 0) for one in made.values()] == [(True, False), (False, True), (False, False)]
    assert len({replace(one, recipe="", l2=0.0, l1=0.0) for one in made.values()}) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "--epochs=-1"),
        ({"batch_size": 101}, "--batch_size=101: expected 1 to 100"),
        ({"batch_size": -3}, "-3"),
        ({"warmup_epochs": 30}, "--warmup_epochs=30: expected 0 or more, and below T = 30"),
        ({"warmup_epochs": -1}, "--warmup_epochs=-1: expected 0 or more"),
        ({"warmup_epochs": 2, "lr_schedule": "one_cycle"}, "one cycle begins with a warm-up of its own"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        resolve("lenet_digits", examples=100, **changes)


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'lenet_digits'"):
        resolve("lenet_digit", examples=100)
