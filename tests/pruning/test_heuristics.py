import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.heuristics import HEURISTICS, choose

kernels = st.lists(
    hnp.arrays(np.float32, hnp.array_shapes(min_side=2, max_side=5), elements=st.sampled_from([-2, -1, 0, 1, 2, 3])),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("heuristic", HEURISTICS)
@given(arrays=kernels, densities=st.lists(st.integers(5, 100), min_size=1, max_size=3))
def test_every_heuristic_keeps_its_count_and_pruned_weights_never_come_back(heuristic, arrays, densities):
    masks = [np.ones(array.shape, np.uint8) for array in arrays]
    for density in sorted(densities, reverse=True):
        new = choose(arrays, masks, density / 100, heuristic=heuristic, seed=1)
        for mask, before in zip(new, masks, strict=True):
            assert (mask <= before).all()
        sizes = [array.size for array in arrays]
        if HEURISTICS[heuristic].scope == "global":
            assert sum(int(mask.sum()) for mask in new) == kept_count(sum(sizes), density / 100)
        else:
            assert [int(mask.sum()) for mask in new] == [kept_count(size, density / 100) for size in sizes]
        masks = new


@given(arrays=kernels, density=st.integers(5, 100))
def test_global_magnitude_never_drops_a_larger_weight_than_it_keeps(arrays, density):
    masks = choose(
        arrays,
        [np.ones(a.shape, np.uint8) for a in arrays],
        density / 100,
        heuristic="global_magnitude",
        seed=0,
    )
    kept = np.concatenate([np.abs(a[m == 1]) for a, m in zip(arrays, masks, strict=True)])
    dropped = np.concatenate([np.abs(a[m == 0]) for a, m in zip(arrays, masks, strict=True)])
    assert kept.min(initial=np.inf) >= dropped.max(initial=-np.inf)


def test_random_is_another_draw_for_another_seed_only():
    arrays, masks = [np.ones((20, 20), np.float32)], [np.ones((20, 20), np.uint8)]
    one, again, two = (choose(arrays, masks, 0.5, heuristic="random", seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, two)


def test_an_unknown_heuristic_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'global_magnitude'"):
        choose([np.ones(3)], [np.ones(3)], 0.5, heuristic="global_magnitud", seed=0)
