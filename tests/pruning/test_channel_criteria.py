"""Scores of channels, beside the same worked out in NumPy or by changing the network."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks import registry as networks
from tf_lottery.pruning.by_group import ByGroup
from tf_lottery.pruning.channel_criteria import CHANNEL_CRITERIA
from tf_lottery.pruning.channels.cuts import alive
from tf_lottery.pruning.collector import Collector
from tf_lottery.pruning.criterion import Examples
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
GENERATOR = np.random.default_rng(3)
X = GENERATOR.normal(size=(12, 6, 6, 2)).astype(np.float32)
Y = GENERATOR.integers(0, 3, 12)
IN_THREES = Examples(count=12, batch=3)

VALUES = np.array([[3.0, -4.0], [0.0, 1.0], [0.0, 0.0]])
BY_HAND = {
    "filter_l1": [7, 1, 0],
    "filter_l2": [5, 1, 0],
    "filter_mean_square": [12.5, 0.5, 0],
    "geometric_median": [np.sqrt(34) + 5, np.sqrt(34) + 1, 6],
    "batch_norm_scale": [3, 0, 0],
    "map_mean": [3, 0, 0],
    "map_std": [0, 1, 0],  # mean, mean of squares: below 0 for the first, which is none
    "map_nonzero": [3, 0, 0],
    "map_taylor": [3, 0, 0],
    "loss_change": [3, 0, 0],
    "absolute_loss_change": [3, 0, 0],
}


@pytest.mark.parametrize("name", CHANNEL_CRITERIA)
def test_scores_are_those_of_the_formula(name):
    scores = CHANNEL_CRITERIA[name].score(VALUES, np.random.default_rng(0))
    if name == "random_channel":
        assert ((scores >= 0) & (scores < 1)).all()
    else:
        np.testing.assert_allclose(scores, BY_HAND[name])


def test_a_fall_of_the_loss_counts_as_a_rise_of_equal_size_for_one_oracle_only():
    change, none = np.array([[-2.0], [1.0]]), np.random.default_rng(0)
    assert CHANNEL_CRITERIA["loss_change"].score(change, none).tolist() == [-2, 1]
    assert CHANNEL_CRITERIA["absolute_loss_change"].score(change, none).tolist() == [2, 1]


@pytest.mark.parametrize("name", [name for name, row in HEURISTICS.items() if isinstance(row, ByGroup)])
def test_what_fixes_a_score_is_told(name):
    row = HEURISTICS[name]
    looks = CHANNEL_CRITERIA[row.criterion].members in ("maps", "ablation")
    assert (row.examples is not None) == looks
    assert ("inference mode" in row.meaning) == looks
    assert ("multiples of 8 stay" in row.meaning) == (row.round_to == 8)


def chain():
    """A convolution with batch norm and ReLU, one with a ReLU of its own, a dense layer, the last."""
    image = keras.Input((6, 6, 2))
    x = layers.BatchNormalization(name="normal")(layers.Conv2D(4, 3, name="one")(image))
    x = layers.Conv2D(3, 2, activation="relu", name="two")(layers.ReLU(name="rectified")(x))
    x = layers.Dense(5, "relu", name="features")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    return keras.Model(image, layers.Dense(3, name="last")(x))


@pytest.fixture(scope="module")
def plain():
    keras.utils.set_random_seed(1)
    made = chain()
    generator = np.random.default_rng(2)
    for weight in made.weights:  # shifts and statistics are anything but 0 and 1
        weight.assign(weight + generator.normal(0, 0.3, weight.shape) ** (2 if "variance" in weight.name else 1))
    return made


@pytest.fixture(scope="module")
def model(plain):
    return tl.prunable(plain)


def collector(model):
    return Collector(model, find_loss=lambda: LOSS, draw=lambda count: (X[:count], Y[:count]), seed=0)


def by_layer(collected, quantity, examples=IN_THREES):
    found = collected.maps(quantity, examples, tl.masks(collected._model))
    return {group.name: found[layer] for group in collected.groups() for layer in group.maps}


def losses(network):
    """Return the loss of each example, in float64."""
    logits = network.predict(X, verbose=0).astype(np.float64)
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(12), Y]


MAPS = {"one": "rectified", "two": "two", "features": "features"}


def test_maps_are_what_comes_after_batch_norm_and_activation(plain, model):
    moments, nonzero = (by_layer(collector(model), quantity) for quantity in ("moments", "nonzero"))
    assert moments.keys() == MAPS.keys()
    for name, last in MAPS.items():
        values = keras.Model(plain.input, plain.get_layer(last).output).predict(X, verbose=0)
        values = values.reshape(-1, values.shape[-1]).astype(np.float64)
        np.testing.assert_allclose(moments[name], np.stack([values.mean(0), (values**2).mean(0)], 1), rtol=1e-5)
        np.testing.assert_allclose(nonzero[name][:, 0], (values != 0).mean(0), rtol=1e-12)
        assert 0 < nonzero[name].mean() < 1


READERS = {"one": ("two", 2, 16), "features": ("last", 0, 1)}  # who reads it along which axis, positions of the map


@pytest.mark.parametrize("name", READERS)
def test_taylor_is_the_change_of_each_examples_loss_as_a_map_is_scaled(plain, model, name):
    """dL/dg of a gate g on the map, by central differences: a reader is linear in what it reads."""
    reader, axis, positions = READERS[name]
    kernel = plain.get_layer(reader).kernel
    before, expected = kernel.numpy(), []
    for channel in range(before.shape[axis]):
        sides = []
        for step in (0.01, -0.01):
            scaled = np.moveaxis(before.copy(), axis, 0)
            scaled[channel] *= 1 + step
            kernel.assign(np.moveaxis(scaled, 0, axis))
            sides.append(losses(plain))
        expected.append(np.abs((sides[0] - sides[1]) / 0.02 / positions).mean())
    kernel.assign(before)
    found = by_layer(collector(model), "taylor")[name][:, 0]
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.005 * max(expected))
    # Signs are lost for each example, not for the mean of them: batches make no difference.
    one_by_one = by_layer(collector(model), "taylor", Examples(count=12, batch=1))[name][:, 0]
    np.testing.assert_allclose(one_by_one, found, rtol=1e-4)


def test_taylor_is_the_same_of_a_network_that_computes_the_same(model):
    """Twice the filters, half the weights that read them: ReLU lets that through, magnitudes do not."""
    other = tl.prunable(chain())
    values = model.get_weights()
    other.set_weights(values)
    kernels = {name: kernel for name, kernel, _ in prunable_kernels(other)}
    kernels["two/kernel"].assign(kernels["two/kernel"] * 2)
    bias = other.get_layer("two").layer.bias
    bias.assign(bias * 2)
    kernels["features/kernel"].assign(kernels["features/kernel"] / 2)
    for quantity in ("taylor", "nonzero"):
        one, two = (by_layer(collector(each), quantity)["two"] for each in (model, other))
        np.testing.assert_allclose(one, two, rtol=1e-4)
    assert (by_layer(collector(other), "moments")["two"] > by_layer(collector(model), "moments")["two"]).all()


def test_the_oracle_is_the_change_of_the_loss_without_the_channel(plain, model):
    weights = model.get_weights()
    found = collector(model).ablated(Examples(count=12, batch=12), tl.masks(model))
    assert all(np.array_equal(one, two) for one, two in zip(model.get_weights(), weights, strict=True))
    assert [each.size for each in found] == [4, 3, 5]
    whole = losses(plain).mean()
    for group, (reader, axis, _) in ((0, READERS["one"]), (2, READERS["features"])):
        kernel = plain.get_layer(reader).kernel
        before, expected = kernel.numpy(), []
        for channel in range(before.shape[axis]):
            zeroed = np.moveaxis(before.copy(), axis, 0)
            zeroed[channel] = 0
            kernel.assign(np.moveaxis(zeroed, 0, axis))
            expected.append(losses(plain).mean() - whole)
        kernel.assign(before)
        np.testing.assert_allclose(found[group], expected, rtol=1e-3, atol=1e-6)


def test_in_half_precision_and_behind_an_operator_scores_are_nearly_the_same():
    """Gradients of 1e-6 and less, which float16 does not hold."""

    def made(precision):
        image = keras.Input((6, 6, 2))
        hidden = layers.Conv2D(4, 3, dtype=precision, name="one")(image)
        x = tf.nn.relu(hidden) if precision == "float32" else layers.Activation("relu", dtype=precision)(hidden)
        x = layers.Dense(3, dtype="float32", name="last")(layers.GlobalAveragePooling2D(dtype=precision)(x))
        return tl.prunable(keras.Model(image, x))

    def tiny(labels, outputs):
        return 1e-3 * LOSS(labels, outputs)

    keras.utils.set_random_seed(8)
    whole, half = made("float32"), made("mixed_float16")
    half.set_weights(whole.get_weights())
    found = []
    for each in (whole, half):
        collected = Collector(each, find_loss=lambda: tiny, draw=lambda count: (X, Y), seed=0)
        found.append(by_layer(collected, "taylor")["one"])
    np.testing.assert_allclose(found[1], found[0], rtol=0.03)
    assert (by_layer(collector(whole), "moments")["one"][:, 0] > 0).all()  # after tf.nn.relu


def scored(model, **row):
    kernels = {name: kernel.numpy() for name, kernel, _ in prunable_kernels(model)}
    made = ByGroup(**({"scope": "global", "does": ""} | row))
    found = made.scored(kernels=kernels, masks=tl.masks(model), seed=0, collect=collector(model))
    return {each.name: each.scores for each in found}


def test_scores_are_over_the_norm_of_their_layer_and_less_what_a_map_costs(plain, model):
    raw = scored(model, criterion="filter_l2")
    kernel = plain.get_layer("two").kernel.numpy()
    np.testing.assert_allclose(raw["two"], np.sqrt((kernel**2).sum((0, 1, 2))), rtol=1e-6)
    normalised = scored(model, criterion="filter_l2", scope="normalised")
    for name, scores in normalised.items():
        np.testing.assert_allclose(scores, raw[name] / np.sqrt((raw[name] ** 2).sum()))
    less = scored(model, criterion="filter_l2", scope="normalised", flops_weight=10.0)
    # 2 H W (C_in K^2 + 1), 2 I - 1 for a dense layer: 4 x 4 positions, then 3 x 3, then 3 inputs.
    megaflops = {"one": 2 * 16 * (2 * 9 + 1) / 1e6, "two": 2 * 9 * (4 * 4 + 1) / 1e6, "features": (2 * 3 - 1) / 1e6}
    for name, cost in megaflops.items():
        np.testing.assert_allclose(normalised[name] - less[name], 10 * cost, rtol=1e-9)


def test_what_is_gone_has_no_score_and_counts_for_no_other(plain, model):
    ones = {name: np.ones_like(mask) for name, mask in tl.masks(model).items()}
    gone = {name: mask.copy() for name, mask in ones.items()}
    gone["one/kernel"][..., 1] = 0
    gone["two/kernel"][:, :, 1] = 0
    weights = model.get_weights()
    tl.set_masks(model, gone)
    try:
        found = scored(model, criterion="geometric_median")["one"]
        norms = scored(model, criterion="filter_l2", scope="normalised")["one"]
    finally:
        tl.set_masks(model, ones)
        model.set_weights(weights)
    kernel = plain.get_layer("one").kernel.numpy().reshape(-1, 4).T.astype(np.float64)
    left = kernel[[0, 2, 3]]
    assert found[1] == norms[1] == -np.inf
    distances = np.linalg.norm(left[:, None] - left, axis=-1).sum(axis=1)
    np.testing.assert_allclose(found[[0, 2, 3]], distances, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(norms[[0, 2, 3]]), 1)


def test_network_slimming_looks_at_batch_norm_and_leaves_other_layers_alone(plain, model):
    (name, scores), *others = scored(model, criterion="batch_norm_scale").items()
    assert name == "one"
    assert not others
    np.testing.assert_allclose(scores, np.abs(plain.get_layer("normal").gamma.numpy()))
    report = tl.prune(model, 0.9, heuristic="slimming", round_to=1)
    assert [each.name for each in report.groups] == ["one"]
    tl.set_masks(model, {name: np.ones_like(mask) for name, mask in tl.masks(model).items()})
    without = tl.prunable(keras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)]))
    with pytest.raises(ValueError, match="'slimming': criterion batch_norm_scale looks at scales, and no channel"):
        tl.prune(without, 0.5, heuristic="slimming")


def test_of_a_sum_each_layers_map_counts_before_it_is_added():
    """Both layers that make a stream, and the ReLU that one of them shares with another layer."""
    keras.utils.set_random_seed(4)
    relu = layers.ReLU()
    image = keras.Input((6, 6, 2))
    stem = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    inner = relu(layers.Conv2D(3, 3, padding="same", name="inner")(relu(stem)))
    shifted = layers.BatchNormalization(beta_initializer="ones")(inner)  # what is behind an activation is no map
    summed = layers.Add()([stem, layers.BatchNormalization(name="b")(layers.Conv2D(4, 1, name="outer")(shifted))])
    inside = keras.Sequential([layers.Conv2D(2, 3, name="nested"), relu], name="inside")
    logits = layers.Dense(3)(layers.Flatten()(inside(relu(summed))))
    network = keras.Model(image, logits)
    collected = collector(model := tl.prunable(network))
    maps = collected.maps("moments", IN_THREES, tl.masks(model))
    groups = {group.name: group for group in collected.groups()}
    assert set(groups) == {"stem+outer", "inner", "nested"}
    stream = groups["stem+outer"]
    ends = (stem, network.get_layer("b").output)  # stem is read twice: nothing after it is all that reads it
    for layer, tensor in zip(stream.maps, ends, strict=True):
        values = keras.Model(image, tensor).predict(X, verbose=0)
        np.testing.assert_allclose(maps[layer][:, 0], values.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    values = keras.Model(image, inner).predict(X, verbose=0)
    np.testing.assert_allclose(maps[next(iter(groups["inner"].maps))][:, 0], values.mean((0, 1, 2)), rtol=1e-4)
    assert (maps[next(iter(groups["nested"].maps))] >= 0).all()
    total = scored(model, criterion="map_mean", examples=IN_THREES)["stem+outer"]
    np.testing.assert_allclose(total, sum(maps[layer][:, 0] for layer in stream.maps))


@pytest.fixture(scope="module")
def one_for_all():
    keras.utils.set_random_seed(7)
    made = tl.prunable(networks.find("resnet8_x0.25").build(shape=(8, 8, 2), classes=3, l2=0.0))
    generator = np.random.default_rng(5)
    for layer in made.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    return made, made.get_weights()


@pytest.fixture
def residual(one_for_all):
    """A network of the suite: groups across sums, batch norm everywhere."""
    made, weights = one_for_all
    tl.set_masks(made, {name: np.ones_like(mask) for name, mask in tl.masks(made).items()})
    made.set_weights(weights)
    return made


# Each criterion once; the two oracles measure the same.
ROWS = {row.criterion: name for name, row in HEURISTICS.items() if isinstance(row, ByGroup)}


@pytest.mark.parametrize("name", sorted(set(ROWS.values()) - {"map_oracle_signed"}))
def test_every_criterion_of_channels_prunes_a_network_of_the_suite_twice(residual, name):
    data = (GENERATOR.normal(size=(12, 8, 8, 2)).astype(np.float32), Y)
    before = None
    for density in (0.6, 0.3):
        report = tl.prune(residual, density, heuristic=name, data=data, loss=LOSS, round_to=2)
        assert abs(report.density - density) < 0.1
        assert sum(each.group.size for each in report.groups) == 4 + (4 + 4) + (8 + 8) + (
            16 + 16
        )  # the stem; in each stage the inner, the stream
        masks = tl.masks(residual)
        assert all((masks[key] <= before[key]).all() for key in masks) if before else True
        before = masks
    for group in report.groups:
        living = alive(group.group, masks)
        assert living.sum() % 2 == 0
        assert (np.isfinite(group.scores) >= living).all()
        for kernel, axes in group.group.places.items():  # gone everywhere or nowhere
            for axis, places in axes.items():
                there = masks[kernel].any(axis=tuple(each for each in range(masks[kernel].ndim) if each != axis))
                assert (there[places >= 0] == living[places[places >= 0]]).all()


def test_density_may_be_of_channels_or_flops(residual):
    dense = tl.flops(residual).dense
    report = tl.prune(residual, 0.5, heuristic="group_magnitude", density_of="flops", round_to=1)
    assert abs(tl.flops(residual).effective / dense - 0.5) < 0.05
    assert report.density < 0.5
    tl.set_masks(residual, {name: np.ones_like(mask) for name, mask in tl.masks(residual).items()})
    report = tl.prune(residual, 0.5, heuristic="map_weight", density_of="channels")
    masks = tl.masks(residual)
    kept = sum(int(alive(each.group, masks).sum()) for each in report.groups)
    total = sum(each.group.size for each in report.groups)
    assert kept == total / 2
    with pytest.raises(ValueError, match="density_of is 'layers'; expected one of weights, channels, flops"):
        tl.prune(residual, 0.5, heuristic="group_magnitude", density_of="layers")
    with pytest.raises(
        ValueError, match="density_of is 'flops' with lamp, which prunes weights; expected for it group_"
    ):
        tl.prune(residual, 0.5, heuristic="lamp", density_of="flops")
