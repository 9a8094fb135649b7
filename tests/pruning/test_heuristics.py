from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.pruning.prune import prune

kernels = st.lists(
    hnp.arrays(np.float32, hnp.array_shapes(min_side=2, max_side=5), elements=st.sampled_from([-2, -1, 0, 1, 2, 3])),
    min_size=1,
    max_size=4,
).map(lambda arrays: {f"kernel_{place}": array for place, array in enumerate(arrays)})


def ones(arrays):
    return {name: np.ones(array.shape, np.uint8) for name, array in arrays.items()}


def collect_from(arrays):
    """Return what stands in for a network: a quantity that is another one for each weight."""
    quantities = {name: np.linspace(-1, 2, array.size).reshape(array.shape) for name, array in arrays.items()}
    return lambda quantity, examples, masks: dict(quantities)


@pytest.mark.parametrize("heuristic", [name for name, row in HEURISTICS.items() if isinstance(row, ByWeight)])
@given(arrays=kernels, densities=st.lists(st.integers(5, 100), min_size=1, max_size=3))
def test_every_heuristic_keeps_its_count_and_pruned_weights_never_come_back(heuristic, arrays, densities):
    row, masks = HEURISTICS[heuristic], ones(arrays)
    sizes = {name: array.size for name, array in arrays.items()}
    for density in sorted(densities, reverse=True):
        new = row.choose(kernels=arrays, masks=masks, density=density / 100, seed=1, collect=collect_from(arrays))
        assert new.keys() == masks.keys()
        assert all((new[name] <= masks[name]).all() for name in masks)
        kept = {name: int(mask.sum()) for name, mask in new.items()}
        assert sum(kept.values()) == row.kept({name: array.shape for name, array in arrays.items()}, density / 100)
        if row.scope != "layer":
            assert sum(kept.values()) == kept_count(sum(sizes.values()), density / 100)
        elif row.layer_rates == "uniform":
            assert kept == {name: kept_count(size, density / 100) for name, size in sizes.items()}
        masks = new


@given(arrays=kernels, density=st.integers(5, 100))
def test_global_magnitude_never_drops_a_larger_weight_than_it_keeps(arrays, density):
    masks = HEURISTICS["global_magnitude"].choose(kernels=arrays, masks=ones(arrays), density=density / 100, seed=0)
    kept = np.concatenate([np.abs(arrays[name][mask == 1]) for name, mask in masks.items()])
    dropped = np.concatenate([np.abs(arrays[name][mask == 0]) for name, mask in masks.items()])
    assert kept.min(initial=np.inf) >= dropped.max(initial=-np.inf)


def test_random_is_another_draw_for_another_seed_only():
    arrays = {"kernel": np.ones((20, 20), np.float32)}
    row = HEURISTICS["random"]
    one, again, two = (
        row.choose(kernels=arrays, masks=ones(arrays), density=0.5, seed=seed)["kernel"] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, two)


def test_an_unknown_heuristic_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'global_magnitude'"):
        prune(None, 0.5, heuristic="global_magnitud")


@pytest.mark.parametrize("name", HEURISTICS)
def test_a_heuristic_is_a_value_that_nobody_changes(name):
    """The rows are shared by all who ask for them by name."""
    with pytest.raises(FrozenInstanceError):
        HEURISTICS[name].meaning = "another"
