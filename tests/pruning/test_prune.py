import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.slots import slots_of

layers = keras.layers


@pytest.fixture
def model():
    made = keras.Sequential([layers.Dense(20, activation="relu", input_shape=(10,)), layers.Dense(15), layers.Dense(4)])
    made = tl.prunable(made)
    made.compile(keras.optimizers.Adam(), "mse")
    made.fit(np.random.default_rng(0).normal(size=(64, 10)), np.zeros((64, 4)), verbose=0)
    return made


def nonzero(model):
    return sum(int(np.count_nonzero(weight.numpy())) for _, weight, _ in prunable_kernels(model))


@pytest.mark.parametrize("heuristic", ["global_magnitude", "layer_magnitude", "random"])
def test_weights_masks_slots_and_report_agree(model, heuristic):
    report = tl.prune(model, 0.37, heuristic=heuristic, seed=3)
    assert report.total == 560
    if heuristic != "layer_magnitude":
        assert report.kept == kept_count(560, 0.37)
    assert nonzero(model) == report.kept
    assert tl.density(model) == report.density == report.kept / 560
    slots = slots_of(model)
    for (_, weight, mask), row in zip(prunable_kernels(model), report.kernels, strict=True):
        assert row.kept == mask.numpy().sum()
        assert len(slots[weight.ref()]) == 2  # Adam's first and second moments
        for slot in slots[weight.ref()]:
            assert not slot.numpy()[mask.numpy() == 0].any()
            assert slot.numpy()[mask.numpy() == 1].any()
    assert f"density {report.density:.4f}" in str(report)


def test_weights_that_go_at_random_are_those_of_seed_0_unless_another_is_given(model):
    def masks(**seed):
        other = tl.prunable(model)
        tl.prune(other, 0.5, heuristic="random", **seed)
        return np.concatenate([mask.numpy().ravel() for _, _, mask in prunable_kernels(other)])

    assert np.array_equal(masks(), masks(seed=0))
    assert not np.array_equal(masks(), masks(seed=1))


def test_pruned_weights_never_come_back_and_a_higher_density_is_refused(model):
    before = None
    for density in (0.8, 0.64, 0.512, 0.1):
        tl.prune(model, density)
        masks = tl.masks(model)
        if before:
            assert all((masks[name] <= before[name]).all() for name in masks)
        before = masks
    with pytest.raises(ValueError, match=r"cannot keep .* expected 0 to"):
        tl.prune(model, 0.5)


def test_a_layer_emptied_completely_is_allowed_and_reported(model):
    _, weight, _ = prunable_kernels(model)[1]
    weight.assign(weight * 1e-6)
    report = tl.prune(model, 0.3)
    assert report.emptied == (report.kernels[1].name,)


@pytest.mark.parametrize("density", [0, -0.1, 1.01, float("nan")])
def test_a_density_out_of_range_is_refused(model, density):
    with pytest.raises(ValueError, match="expected above 0 and at most 1"):
        tl.prune(model, density)


def test_nan_weights_are_refused_and_nothing_changes(model):
    _, weight, _ = prunable_kernels(model)[0]
    weight.assign(np.full(weight.shape, np.nan, np.float32))
    with pytest.raises(ValueError, match="NaN"):
        tl.prune(model, 0.5)
    assert tl.density(model) == 1


def test_masks_of_ones_own_making_are_held_and_wrong_ones_refused(model):
    masks = tl.masks(model)
    name = next(iter(masks))
    masks[name][:, ::2] = 0
    tl.set_masks(model, masks)
    model.fit(np.ones((64, 10)), np.ones((64, 4)), verbose=0)
    assert not prunable_kernels(model)[0][1].numpy()[:, ::2].any()
    with pytest.raises(ValueError, match="expected 0 and 1 in the kernel's shape"):
        tl.set_masks(model, masks | {name: masks[name] * 2})
    with pytest.raises(ValueError, match="expected one for each"):
        tl.set_masks(model, {name: masks[name]})
