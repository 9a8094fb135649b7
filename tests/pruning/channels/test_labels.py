"""Ties make classes; and shapes are arranged as NumPy arranges them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.channels.labels import classes

COUNT = 12
pairs = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))


@given(st.lists(st.lists(pairs, min_size=1, max_size=4), max_size=8))
def test_two_labels_are_one_class_when_a_chain_of_ties_leads_from_one_to_the_other(ties):
    arrays = [(np.array([a for a, _ in each]), np.array([b for _, b in each])) for each in ties]
    found = classes(COUNT, arrays)
    reached = np.eye(COUNT, dtype=bool)
    for one, other in (pair for each in ties for pair in each):
        reached[one, other] = reached[other, one] = True
    for middle in range(COUNT):  # all chains, as Warshall's algorithm finds them
        reached |= np.outer(reached[:, middle], reached[middle])
    assert np.array_equal(found[:, None] == found, reached)
    assert all(found[label] == np.flatnonzero(reached[label])[0] for label in range(COUNT))


def test_a_long_chain_is_one_class():
    order = np.random.default_rng(0).permutation(5000)
    assert not classes(5000, [(order[1:], order[:-1])]).any()
