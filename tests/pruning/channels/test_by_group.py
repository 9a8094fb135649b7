"""Channels that go together are pruned together, so that the network that is left is one that could be built small."""

from itertools import pairwise

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.channels.groups import groups
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
X = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype(np.float32)


def residual_network(stream=12, inner=8, features=10):
    """A stream of images, to which a block adds; then features, of which the last layer makes 3 numbers."""
    x = keras.Input((8, 8, 3))
    y = layers.BatchNormalization(name="normal")(layers.Conv2D(stream, 3, padding="same", name="stem")(x))
    z = layers.ReLU()(layers.Conv2D(inner, 3, padding="same", name="narrow")(y))
    y = layers.Add()([y, layers.Conv2D(stream, 1, name="wide")(z)])
    y = layers.Dense(features, "relu", name="features")(layers.Flatten()(layers.MaxPooling2D(4)(y)))
    return keras.Model(x, layers.Dense(3, name="last")(y))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = residual_network()
    for weight in made.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape) ** 2 + 0.1)
    return tl.prunable(made)


@pytest.fixture(autouse=True)
def dense_again(model):
    yield
    tl.set_masks(model, {name: np.ones_like(mask) for name, mask in tl.masks(model).items()})


def test_groups_are_what_the_same_layers_make(model):
    found = groups(model, {name: kernel for name, kernel, _ in prunable_kernels(model)})
    assert [(sorted(each.makers), each.size) for each in found] == [
        (["stem/kernel", "wide/kernel"], 12), (["narrow/kernel"], 8), (["features/kernel"], 10),
    ]  # fmt: skip
    stream, narrow, features = found
    assert {name: sorted(axes) for name, axes in stream.places.items()} == {
        "stem/kernel": [3], "narrow/kernel": [2], "wide/kernel": [3], "features/kernel": [0],
    }  # fmt: skip
    assert np.array_equal(stream.places["features/kernel"][0], np.tile(np.arange(12), 4))
    assert narrow.places.keys() == {"narrow/kernel", "wide/kernel"}
    assert features.places.keys() == {"features/kernel", "last/kernel"}


def test_what_is_left_is_the_network_that_one_would_have_built(model):
    before = {layer.name: [each.copy() for each in layer.get_weights()] for layer in model.layers}
    tl.prune(model, 0.4, heuristic="group_magnitude", round_to=4)
    small, report = tl.shrink(model)
    sizes = {each.name: each.after for each in report.layers}
    assert sizes["stem"] == sizes["wide"]
    assert all(sizes[name] % 4 == 0 for name in ("stem", "narrow", "features"))
    assert report.flops_after.dense == report.flops_after.effective
    # The highest sums of magnitudes, in all layers that make them together.
    sums = [np.abs(before[name][0]).sum(axis=(0, 1, 2)) for name in ("stem", "wide")]
    stream = np.sort(np.argsort(-(sums[0] + sums[1]))[: sizes["stem"]])
    narrow = np.sort(np.argsort(-np.abs(before["narrow"][0]).sum(axis=(0, 1, 2)))[: sizes["narrow"]])
    features = np.sort(np.argsort(-np.abs(before["features"][0]).sum(axis=0))[: sizes["features"]])
    built = residual_network(sizes["stem"], sizes["narrow"], sizes["features"])
    rows = (np.arange(4)[:, None] * 12 + stream).ravel()  # four positions are flattened, channels last
    kernels = {
        "stem": np.ix_(range(3), range(3), range(3), stream),
        "narrow": np.ix_(range(3), range(3), stream, narrow),
        "wide": np.ix_(range(1), range(1), narrow, stream),
        "features": np.ix_(rows, features),
        "last": np.ix_(features, range(3)),
    }
    outs = {"stem": stream, "narrow": narrow, "wide": stream, "features": features, "last": range(3)}
    for name, places in kernels.items():
        kernel, bias = before[name]
        built.get_layer(name).set_weights([kernel[places], bias[outs[name]]])
    built.get_layer("normal").set_weights([each[stream] for each in before["normal"]])
    assert [each.shape for each in built.get_weights()] == [each.shape for each in tl.strip(small).get_weights()]
    np.testing.assert_allclose(small(X), built(X), rtol=1e-5)
    np.testing.assert_allclose(small(X), model(X), rtol=1e-5)


def test_the_density_is_the_nearest_that_whole_channels_have(model):
    found = []
    for density in (1.0, 0.8, 0.5, 0.3, 0.1):
        report = tl.prune(model, density, heuristic="group_magnitude", round_to=1)
        assert abs(report.density - density) < 0.06  # of 12, 8 and 10 channels each step is some 5% of the weights
        found.append(tl.masks(model))
    for one, other in pairwise(found):
        assert all((other[name] <= one[name]).all() for name in one)  # what is gone stays gone
    with pytest.raises(ValueError, match=r"density 0\.5: expected at most 0\.1"):
        tl.prune(model, 0.5, heuristic="group_magnitude")


def test_eight_channels_stay_of_each_group_unless_it_has_fewer(model):
    tl.prune(model, 0.01, heuristic="group_magnitude")
    _, report = tl.shrink(model)
    assert [(each.name, each.after) for each in report.layers] == [
        ("stem", 8), ("narrow", 8), ("wide", 8), ("features", 8), ("last", 3),
    ]  # fmt: skip


def test_layers_that_are_excluded_keep_what_they_read_and_make():
    model = tl.prunable(residual_network(), exclude="features")
    tl.prune(model, 0.5, heuristic="group_magnitude", round_to=1)
    _, report = tl.shrink(model)
    after = {each.name: each.after for each in report.layers}
    assert after["stem"] == 12
    assert after["features"] == 10
    assert after["narrow"] < 8
    alone = tl.prunable(keras.Sequential([layers.Dense(3, input_shape=(4,))]))
    with pytest.raises(ValueError, match="no channel of this network may go"):
        tl.prune(alone, 0.5, heuristic="group_magnitude")
    with pytest.raises(ValueError, match="round_to is 0; expected 1 or more"):
        tl.prune(alone, 0.5, heuristic="group_magnitude", round_to=0)
    with pytest.raises(ValueError, match="Did you mean 'group_magnitude'"):
        tl.prune(alone, 0.5, heuristic="group_magnitud")
