import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery.pruning.masks import keep_highest

# Four distinct values: almost every draw has ties at the border, where thresholds go wrong.
scores = st.lists(
    hnp.arrays(np.float32, hnp.array_shapes(max_side=4), elements=st.sampled_from([-np.inf, 0, 1, 2])),
    min_size=1,
    max_size=4,
)


@given(scores, st.data())
def test_the_count_is_exact_and_the_order_is_score_then_position(arrays, data):
    flat = np.concatenate([array.ravel() for array in arrays])
    keep = data.draw(st.integers(0, int((flat > -np.inf).sum())))
    masks = keep_highest(arrays, keep)
    assert [mask.shape for mask in masks] == [array.shape for array in arrays]
    expected = np.zeros(flat.size)
    expected[sorted(range(flat.size), key=lambda place: (-flat[place], place))[:keep]] = 1
    assert np.concatenate([mask.ravel() for mask in masks]).tolist() == expected.tolist()


@given(scores, st.data())
def test_fewer_kept_are_among_more_kept(arrays, data):
    alive = sum(int((array > -np.inf).sum()) for array in arrays)
    more = data.draw(st.integers(0, alive))
    fewer = data.draw(st.integers(0, more))
    for small, large in zip(keep_highest(arrays, fewer), keep_highest(arrays, more), strict=True):
        assert (small <= large).all()


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN: the network diverged"):
        keep_highest([np.array([1.0, np.nan])], 1)


@pytest.mark.parametrize("keep", [-1, 3])
def test_more_than_is_left_cannot_be_kept(keep):
    with pytest.raises(ValueError, match="expected 0 to 2"):
        keep_highest([np.array([1.0, 2.0, -np.inf])], keep)
