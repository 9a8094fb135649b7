"""Overlap of masks, by counting and by drawing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.overlap import overlap

SHAPES = {"hidden": (6, 5), "logits": (5, 4)}


def masks(seed, share=0.5):
    generator = np.random.default_rng(seed)
    return {name: (generator.random(shape) < share).astype(np.uint8) for name, shape in SHAPES.items()}


@given(st.integers(0, 99), st.integers(100, 199), st.floats(0, 1), st.floats(0, 1))
def test_the_overlap_is_that_of_the_sets_of_places(one, other, share, share_other):
    pair = masks(one, share), masks(other, share_other)
    together, *each = overlap(*pair)
    places = [{(name, *place) for name, mask in found.items() for place in np.argwhere(mask)} for found in pair]
    both, either = places[0] & places[1], places[0] | places[1]
    assert together.jaccard == (len(both) / len(either) if either else 1.0)
    assert (together.one, together.other, together.both) == (len(places[0]), len(places[1]), len(both))
    assert [row.kernel for row in each] == list(SHAPES)
    assert sum(row.both for row in each) == together.both
    assert together.expected == pytest.approx(sum(row.expected for row in each))
    assert 0 <= together.chance <= 1


def test_the_overlap_by_chance_is_the_mean_of_masks_drawn_at_random_with_the_same_counts_by_layer():
    # Layers that are kept unequally overlap more than the whole network's density would say.
    kept = {"hidden": (900, 800), "logits": (40, 10)}
    shapes = {"hidden": (40, 25), "logits": (40, 25)}
    generator = np.random.default_rng(3)

    def draw(which):
        return {
            name: generator.permutation(np.arange(1000) < kept[name][which]).reshape(shape)
            for name, shape in shapes.items()
        }

    drawn = [overlap(draw(0), draw(1)) for _ in range(100)]
    for place, name in enumerate(("all", *shapes)):
        rows = [found[place] for found in drawn]
        assert {row.kernel for row in rows} == {name}
        jaccards = [row.jaccard for row in rows]
        error = 4 * np.std(jaccards) / 10  # four standard errors of the mean
        assert np.mean(jaccards) == pytest.approx(rows[0].chance, abs=error + 1e-3)
    by_density = 0.47 * 0.405 / (0.47 + 0.405 - 0.47 * 0.405)
    assert drawn[0][0].chance > 1.5 * by_density


def test_equal_masks_overlap_wholly_and_so_do_empty_ones():
    assert {row.jaccard for row in overlap(masks(1), masks(1))} == {1.0}
    empty = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    assert {row.jaccard for row in overlap(empty, empty)} == {1.0}
    assert {row.jaccard for row in overlap(empty, masks(1))} == {0.0}


def test_masks_of_another_network_are_refused():
    with pytest.raises(ValueError, match="different networks: logits is in one of them only, or has another shape"):
        overlap(masks(1), masks(2) | {"logits": np.ones((4, 4))})
    with pytest.raises(ValueError, match="different networks: hidden"):
        overlap(masks(1), {"logits": masks(2)["logits"]})
