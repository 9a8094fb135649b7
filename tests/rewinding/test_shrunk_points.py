"""Rewind points of a network that was shrunk since: cut as it was, or refused with the cure."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.slots import slots_of

layers = keras.layers
X = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(16, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(6, "relu", input_shape=(5,)), layers.Dense(4, "relu"), layers.Dense(2)])
    model.compile("adam", "mse", run_eagerly=True)
    model = tl.prunable(model)
    points = tl.RewindPoints(tmp_path_factory.mktemp("points"), epochs=[0, 1])
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[points])
    masks = tl.masks(model)
    _, second, third = masks
    masks[second][[0, 3]] = 0
    masks[third][[1]] = 0
    tl.set_masks(model, masks)
    return model, points


def test_weights_are_rewound_in_the_shrunk_network_as_in_the_masked_one(trained, tmp_path):
    model, points = trained
    small, report = tl.shrink(model)
    tl.rewind_weights(small, points.shrunk(report, tmp_path / "small"), epoch=1)
    tl.rewind_weights(model, points, epoch=1)
    np.testing.assert_allclose(small(X), model(X), atol=1e-6)
    stay = np.ix_([1, 2, 4, 5], [0, 2, 3])
    ours, theirs = model.layers[1].kernel, small.layers[1].kernel
    assert np.array_equal(ours.numpy()[stay], theirs)
    for one, other in zip(slots_of(model)[ours.ref()], slots_of(small)[theirs.ref()], strict=True):
        assert np.array_equal(one.numpy()[stay], other)
        assert other.numpy().any()
    for each in (model, small):
        each.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    np.testing.assert_allclose(small(X), model(X), atol=1e-5)


def test_points_of_before_are_refused_with_the_cure(trained, tmp_path):
    model, points = trained
    small, report = tl.shrink(model)
    with pytest.raises(
        ValueError, match=r"shape \(5, 6\) there and \(5, 4\) here\. .* points\.shrunk\(report, folder\)"
    ):
        tl.rewind_weights(small, tl.RewindPoints(points.folder), epoch=1)
    tl.rewind_learning_rate(small, points, epoch=1)  # this needs no weights
    with pytest.raises(ValueError, match="where the points are; expected another one"):
        points.shrunk(report, points.folder)
    with pytest.raises(TypeError, match=r"expected a tl\.ShrinkReport"):
        points.shrunk(model, tmp_path)
    with pytest.raises(ValueError, match="no rewind points in"):
        tl.RewindPoints(tmp_path / "empty").shrunk(report, tmp_path / "other")
    _, again = tl.shrink(small)
    # Of weights with other indices: those of the report stay within what is there, so that only names can tell.
    other = tl.shrink(keras.Sequential([layers.Dense(3, input_shape=(5,))]))[1]
    with pytest.raises(ValueError, match="is in one of them only"):
        points.shrunk(other, tmp_path / "other")
    assert all(indices is None for axes in again.kept.values() for indices in axes)
