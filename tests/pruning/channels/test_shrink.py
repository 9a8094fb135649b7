"""`shrink`: plain to plain and prunable to prunable, with all that belongs to a model."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf, tfmot
from tf_lottery.pruning.agreement import difference, largest
from tf_lottery.pruning.channels.equality import checked
from tf_lottery.pruning.cloning import own_weights
from tf_lottery.pruning.predictions import predictions
from tf_lottery.pruning.slots import slots_of

layers = keras.layers
X = np.random.default_rng(0).normal(size=(24, 8, 8, 3)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 24)


def network():
    """Two convolutions, of which the second reads the first; nothing reads the channels that `without` says."""
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 3), name="pictures")
    y = layers.Conv2D(6, 3, use_bias=False, name="first")(x)
    y = layers.ReLU(name="positive")(layers.BatchNormalization(name="normal")(y))
    y = layers.Conv2D(8, 3, kernel_regularizer="l2", name="second")(y)
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    return keras.Model(x, layers.Dense(3, "softmax", name="last")(y), name="small_one")


def masks_without(model):
    masks = {name: mask.copy() for name, mask in tl.masks(model).items()}
    masks["second/kernel"][:, :, [0, 3]] = 0
    masks["last/kernel"][[1, 2, 7]] = 0
    return masks


def compiled(model, optimizer="adam", **arguments):
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True, **arguments)
    return model


@pytest.fixture(scope="module")
def pruned():
    model = tl.prunable(compiled(network()))
    model.fit(X, Y, epochs=1, verbose=0)
    tl.set_masks(model, masks_without(model))
    model.fit(X, Y, epochs=1, verbose=0)
    return model


@pytest.fixture(scope="module")
def shrunk(pruned):
    return tl.shrink(pruned)


def test_a_prunable_model_becomes_a_prunable_one_with_fewer_channels(pruned, shrunk):
    small, report = shrunk
    assert [small.get_layer(name).kernel.shape[-1] for name in ("first", "second", "last")] == [4, 5, 3]
    np.testing.assert_allclose(small(X), pruned(X), atol=1e-6)
    masks = tl.masks(small)
    assert {name: mask.shape for name, mask in masks.items()} == {
        "first/kernel": (3, 3, 3, 4), "second/kernel": (3, 3, 4, 5), "last/kernel": (5, 3),
    }  # fmt: skip
    assert all(mask.all() for mask in masks.values())
    assert [layer.name for layer in small.layers] == [layer.name for layer in pruned.layers]
    assert [weight.name for weight in small.weights] == [weight.name for weight in pruned.weights]
    assert (small.name, small.input_names, small.output_names) == ("small_one", ["pictures"], ["last"])
    assert report.barriers == {}


def test_the_report_counts_what_went(pruned, shrunk):
    _, report = shrunk
    assert [(each.name, each.before, each.after) for each in report.layers] == [
        ("first", 6, 4), ("second", 8, 5), ("last", 3, 3),
    ]  # fmt: skip
    assert report.parameters_before == 27 * 6 + 4 * 6 + 54 * 8 + 8 + 8 * 3 + 3
    assert report.parameters_after == 27 * 4 + 4 * 4 + 36 * 5 + 5 + 5 * 3 + 3
    # Of the convolutions, one for each weight and position, and their biases; the rest by `flops` itself.
    assert report.flops_before == tl.flops(pruned)
    assert report.flops_after.dense == report.flops_after.effective < report.flops_before.effective
    assert report.largest_difference < 1e-5
    assert str(report).splitlines()[1].split() == ["first", "6", "4"]
    kept = report.kept["second/kernel"]
    assert kept[:2] == (None, None)
    assert [list(indices) for indices in kept[2:]] == [[1, 2, 4, 5], [0, 3, 4, 5, 6]]


def test_weights_and_slots_are_those_of_the_channels_that_stayed(pruned, shrunk):
    small, _ = shrunk
    first, second = (
        np.ix_(range(3), range(3), range(3), [1, 2, 4, 5]),
        np.ix_(range(3), range(3), [1, 2, 4, 5], [0, 3, 4, 5, 6]),
    )
    pairs = {"first": first, "second": second}
    for name, places in pairs.items():
        ours, theirs = pruned.get_layer(name).kernel, small.get_layer(name).kernel
        assert np.array_equal(ours.numpy()[places], theirs)
        for one, other in zip(slots_of(pruned)[ours.ref()], slots_of(small)[theirs.ref()], strict=True):
            assert np.array_equal(one.numpy()[places], other)
            assert other.numpy().any()
    assert int(small.optimizer.iterations) == int(pruned.optimizer.iterations) == 2
    for one, other in zip(
        pruned.get_layer("normal").get_weights(), small.get_layer("normal").get_weights(), strict=True
    ):
        assert np.array_equal(one[[1, 2, 4, 5]], other)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "legacy"])
def test_training_goes_on_as_it_would_have(optimizer):
    made = {
        "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
        "sgd": lambda: keras.optimizers.SGD(0.01, 0.9, use_ema=True),
        "legacy": lambda: keras.optimizers.legacy.Adam(0.01),
    }[optimizer]
    model = tl.prunable(compiled(network(), made()))
    tl.set_masks(model, masks_without(model))
    model.fit(X, Y, epochs=1, verbose=0)
    small, report = tl.shrink(model)
    for _ in range(3):
        one, other = (each.fit(X, Y, batch_size=24, shuffle=False, verbose=0) for each in (model, small))
        assert one.history["accuracy"] == other.history["accuracy"]
    # In training mode batch statistics are those of the channels that stayed, too.
    np.testing.assert_allclose(small(X, training=True), model(X, training=True), atol=1e-5)
    for axes, weight, ours in zip(report.kept.values(), own_weights(small), own_weights(model), strict=True):
        ours = ours.numpy()
        for axis, indices in enumerate(axes):
            ours = ours if indices is None else ours.take(indices, axis)
        # Four steps of float32; a sum has fewer terms, all zero ones missing.
        np.testing.assert_allclose(weight, ours, atol=1e-5)


def test_a_model_without_zeros_is_returned_bit_for_bit():
    model = compiled(network())
    small, report = tl.shrink(model)
    assert all(map(np.array_equal, small.get_weights(), model.get_weights()))
    assert np.array_equal(small(X), model(X))
    assert report.parameters_after == report.parameters_before
    assert all(indices is None for axes in report.kept.values() for indices in axes)
    assert small is not model


def test_zeros_of_a_plain_model_count_and_those_of_a_prunable_one_only_where_it_is_masked():
    model = network()
    kernel = model.get_layer("second").kernel
    kernel.assign(np.where(np.arange(6)[:, None] < 2, 0, kernel))
    assert tl.shrink(model)[0].get_layer("first").filters == 4
    assert tl.shrink(tl.prunable(model))[0].get_layer("first").filters == 6


def test_the_order_of_channels_does_not_matter():
    model, order = network(), np.array([3, 0, 5, 2, 1, 4])
    second = model.get_layer("second").kernel
    second.assign(np.where(np.isin(np.arange(6), [0, 3])[:, None], 0, second))
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    for name, axis in (("first", -1), ("second", -2), ("normal", 0)):
        layer = other.get_layer(name)
        weights = layer.get_weights()
        places = [axis] if name == "second" else [axis] * len(weights)
        layer.set_weights(
            [each.take(order, at) for each, at in zip(weights, places, strict=False)] + weights[len(places) :]
        )
    one, two = tl.shrink(model)[0], tl.shrink(other)[0]
    stay = [channel for channel in order if channel not in (0, 3)]
    rank = np.argsort(np.argsort(stay))
    assert np.array_equal(two.get_layer("first").kernel, one.get_layer("first").kernel.numpy()[..., rank])
    np.testing.assert_allclose(two(X), one(X), atol=1e-6)


def test_a_layer_of_which_nothing_is_read_keeps_one_channel():
    model = network()
    model.get_layer("last").kernel.assign(np.zeros((8, 3)))
    small, report = tl.shrink(model)
    assert [each.after for each in report.layers] == [1, 1, 3]
    assert np.array_equal(small(X), model(X))


def test_shared_layers_and_models_inside_stay_shared_and_the_same_names():
    tower = keras.Sequential(
        [layers.Dense(6, "relu", input_shape=(4,), name="hidden"), layers.Dense(5, name="code")], name="tower"
    )
    one, two = keras.Input((4,)), keras.Input((4,))
    body = layers.Dense(4, name="body")
    distance = layers.Subtract(name="distance")([tower(body(one)), tower(body(two))])
    model = keras.Model([one, two], layers.Dense(1, name="end")(distance))
    for layer, rows in ((tower.layers[0], [1]), (tower.layers[1], [0, 2]), (model.get_layer("end"), [4])):
        kernel = layer.kernel.numpy()
        kernel[rows] = 0
        layer.kernel.assign(kernel)
    small, _ = tl.shrink(model)
    inside = small.get_layer("tower")
    assert [small.get_layer("body").units, *(layer.units for layer in inside.layers)] == [3, 4, 4]
    assert inside.input_shape == (None, 3)
    assert inside.layers[0].name == "hidden"
    assert "batch_input_shape" not in inside.layers[0].get_config()  # which would be that of before
    data = [X[:, 0, :4, 0], X[:, 1, :4, 1]]
    np.testing.assert_allclose(small(data), model(data), atol=1e-6)
    loaded = keras.Model.from_config(small.get_config())  # what is saved has the new sizes all over
    assert [each.shape for each in loaded.weights] == [each.shape for each in small.weights]


def test_a_model_inside_that_is_called_on_two_sizes_is_one():
    inside = keras.Sequential([layers.Conv2D(5, 3, name="inner"), layers.ReLU(), layers.GlobalMaxPooling2D()])
    large = keras.Input((9, 9, 3))
    head = layers.Conv2D(4, 1, name="head")(large)
    block = keras.Model((x := keras.Input((None, None, 4))), inside(x))
    y = layers.Dense(2, name="end")(layers.Add()([block(head), block(layers.MaxPooling2D()(head))]))
    model = keras.Model(large, y)
    for layer, axis, gone in ((inside.layers[0], 2, [1]), (model.get_layer("end"), 0, [0, 4])):
        kernel = np.moveaxis(layer.kernel.numpy(), axis, 0)
        kernel[gone] = 0
        layer.kernel.assign(np.moveaxis(kernel, 0, axis))
    small, report = tl.shrink(model)
    assert {each.name: each.after for each in report.layers} == {"head": 3, "inner": 3, "end": 2}
    assert report.largest_difference < 1e-5
    assert small.get_layer("head").filters == 3


def test_tied_weights_of_a_layer_of_ones_own_stay():
    class Reversed(layers.Layer):
        """Reads the kernel of another layer."""

        def __init__(self, other, **kwargs):
            super().__init__(**kwargs)
            self.other = other

        def call(self, inputs):
            return tf.matmul(inputs, self.other.kernel, transpose_b=True)

    x = keras.Input((4,))
    coder = layers.Dense(6, name="coder")
    y = layers.Dense(6, name="between")(coder(x))
    model = keras.Model(x, Reversed(coder, name="decoder")(y))
    kernel = model.get_layer("between").kernel.numpy()
    kernel[[0, 2]] = 0
    model.get_layer("between").kernel.assign(kernel)
    small, report = tl.shrink(model)
    assert small.get_layer("coder").units == 6
    assert report.barriers == {"decoder": "no rule for Reversed"}


def test_half_precision_losses_and_states_are_kept():
    x = keras.Input((5, 3), batch_size=2)
    y = layers.LSTM(4, stateful=True, return_sequences=True, dtype="mixed_float16", name="memory")(x)
    model = keras.Model(x, layers.Dense(2, dtype="float32", name="end")(y))
    model.add_loss(tf.reduce_mean(y))
    cell, end = model.get_layer("memory").cell, model.get_layer("end")
    for kernel, rows in ((cell.recurrent_kernel, 1), (end.kernel, 1)):
        kernel.assign(np.where(np.arange(4)[:, None] == rows, 0, kernel))
    data = X[:2, :5, 0]
    model(data)
    small, report = tl.shrink(model)
    assert report.barriers  # the loss reads every unit
    assert small.get_layer("memory").units == 4
    silent = keras.Model(x, end(y))
    small, _ = tl.shrink(silent)
    assert small.get_layer("memory").units == 3
    assert small.get_layer("memory").compute_dtype == "float16"
    for one, other in zip(silent.get_layer("memory").states, small.get_layer("memory").states, strict=True):
        assert np.array_equal(one.numpy()[:, [0, 2, 3]], other)


def test_what_cannot_be_shrunk_is_refused_with_the_cure():
    with pytest.raises(TypeError, match="expected a Keras model"):
        tl.shrink(3)
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(layers.Dense(2, input_shape=(3,)))
    with pytest.raises(
        ValueError, match=r"prune_low_magnitude_dense\w* is in TF-MOT's own pruning wrapper, .*: give tl.strip\(model\)"
    ):
        tl.shrink(keras.Sequential([wrapped]))
    with pytest.raises(ValueError, match="inputs: the model cannot take them"):
        tl.shrink(network(), inputs=np.zeros((2, 3)))


def two_layers(order):
    """Large numbers that nearly cancel each other, in some order."""
    generator = np.random.default_rng(0)
    kernel, small = generator.normal(size=(4, 32)) * 1e4, generator.normal(size=(32, 1))
    model = keras.Sequential([layers.Dense(64, input_shape=(4,)), layers.Dense(1, use_bias=False)])
    model.layers[0].set_weights([np.hstack([kernel, kernel])[:, order], np.ones(64)])
    model.layers[1].set_weights([np.vstack([small * 1e4, 1e-2 - small * 1e4])[order]])
    return model


def test_what_differs_is_computed_in_float64_and_refused_if_it_still_does():
    data = X[:8, 0, :4, 0]
    one, same, other = two_layers(np.arange(64)), two_layers(np.arange(64)[::-1]), two_layers(np.arange(64))
    expected = predictions(one, data)
    assert difference(expected[0], predictions(same, data)[0]) > 1e-5 * largest(expected[0])
    assert 1e-5 < checked(one, same, data, expected) < 1
    kernel = other.layers[1].kernel
    kernel.assign(tf.where(tf.range(64)[:, None] == 5, 1.001 * kernel, kernel))
    with pytest.raises(tl.ShrinkError, match=r"predicts 'dense_\d+' otherwise, by up to .*; in float64: predicts"):
        checked(one, other, data, expected)


def test_zero_times_infinity_is_no_difference():
    model = network()
    model.get_layer("first").kernel.assign(model.get_layer("first").kernel * np.where(np.arange(6) == 2, 3e38, 1))
    second = model.get_layer("second").kernel
    second.assign(np.where(np.arange(6)[:, None] == 2, 0, second))
    assert np.isnan(model(X)).any()
    small, _ = tl.shrink(model)
    assert np.isfinite(small(X)).all()
