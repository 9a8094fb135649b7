"""Rank correlations, by hand, beside pandas' ranks, and of two criteria on one model."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tf_lottery as tl
from tf_lottery.pruning.by_group import ScoredGroup
from tf_lottery.pruning.channels.group import Group
from tf_lottery.pruning.rank_correlation import rank_correlation, spearman


def test_without_ties_it_is_the_papers_formula():
    """1 - 6 sum d^2 / (N (N^2 - 1)): ranks 1 2 3 4 and 2 1 4 3."""
    assert spearman([0.1, 0.5, 2, 9], [5, 1, 8, 7]) == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert spearman([1, 2, 3], [3, 20, 100]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_ties_share_the_mean_of_their_ranks(pairs):
    frame = pd.DataFrame(pairs, dtype=float).rank()
    expected = frame[0].corr(frame[1]) if (frame.std() > 0).all() else np.nan
    assert spearman(*np.transpose(pairs)) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def scored(**scores):
    return [
        ScoredGroup(group=Group(size=len(each), makers={f"{name}/kernel": 1}, places={}), scores=np.array(each, float))
        for name, each in scores.items()
    ]


def test_it_is_of_each_layer_and_of_all_channels_that_both_have_left():
    one = scored(a=[1, 2, 3, -np.inf], b=[10, 20], only=[1])
    other = scored(a=[1, 3, 2, 9], b=[2, 1])
    found = rank_correlation(one, other)
    assert found.layers == {"a": pytest.approx(0.5), "b": pytest.approx(-1)}
    assert found.all == pytest.approx(spearman([1, 2, 3, 10, 20], [1, 3, 2, 2, 1]))
    assert found.mean == pytest.approx(-0.25)
    with pytest.raises(ValueError, match="scores of a, b, only and of c are not of the same channels"):
        rank_correlation(one, scored(c=[1, 2]))
    with pytest.raises(ValueError, match="not of the same channels"):
        rank_correlation(one, scored(a=[1, 2]))


def test_it_is_a_public_name():
    assert tl.rank_correlation is rank_correlation
