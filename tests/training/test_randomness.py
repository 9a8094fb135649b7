from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.training.order import PADDING, positions
from tf_lottery.training.randomness import Draws

draws = st.builds(Draws, seed=st.integers(0, 3), trial=st.integers(1, 3), depth=st.integers(0, 3))


@given(draws, draws)
def test_other_seeds_trials_or_depths_draw_other_numbers_and_equal_ones_the_same(one, two):
    same = one == two
    assert (one.integer("weights") == two.integer("weights")) is same
    assert np.array_equal(one.generator("order", 2).permutation(99), two.generator("order", 2).permutation(99)) is same


@given(draws, st.integers(1, 40), st.booleans(), st.data())
def test_a_stretch_of_positions_does_not_depend_on_where_it_is_cut(draw, examples, augmented, data):
    # So a stage that goes on in the middle sees what it would have seen.
    last = data.draw(st.integers(1, 100))
    cut = data.draw(st.integers(0, last))
    settings = {"examples": examples, "augmented": augmented}
    whole = positions(draw, first=0, last=last, **settings)
    assert len(whole) == last
    tail = positions(draw, first=cut, last=last, **settings) if cut < last else whole[:0]
    assert np.array_equal(whole[cut:], tail)


@given(draws, st.integers(1, 40))
def test_every_epoch_is_a_permutation_of_its_own(draw, examples):
    rows = positions(draw, examples=examples, first=0, last=3 * examples, augmented=True)
    assert (rows[:, 1:3] >= 0).all()
    assert (rows[:, 1:3] <= 2 * PADDING).all()
    assert set(rows[:, 3]) <= {0, 1}
    for epoch in range(3):
        assert sorted(rows[epoch * examples : (epoch + 1) * examples, 0]) == list(range(examples))


def test_crops_and_flips_are_uniform():
    rows = positions(Draws(seed=0, trial=1, depth=0), examples=9_000, first=0, last=9_000, augmented=True)
    for column, values in ((1, 9), (2, 9), (3, 2)):
        counts = np.bincount(rows[:, column], minlength=values)
        assert abs(counts - 9_000 / values).max() < 5 * np.sqrt(9_000 / values)  # five standard deviations


@given(draws, st.integers(1, 5), st.integers(1, 5))
def test_another_order_of_the_data_is_another_order_and_augmentation_and_nothing_else(draw, one, two):
    first, second = replace(draw, order_seed=one), replace(draw, order_seed=two)
    for purpose in ("weights", "pruning", "examples", "dropout"):
        assert first.integer(purpose) == draw.integer(purpose)
    for purpose in ("order", "augmentation"):
        assert first.integer(purpose) != draw.integer(purpose)
        assert (first.integer(purpose) == second.integer(purpose)) is (one == two)
