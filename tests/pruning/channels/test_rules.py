"""Each rule between two layers: the one whose channels go, and those that do not read them any more.

Which rows of the readers belong to a channel is found by changing the channel and looking at what changes.
"""

import numpy as np
import pytest

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.channels.liveness import kept
from tf_lottery.pruning.channels.operators import OPERATORS
from tf_lottery.pruning.channels.rebuild import rebuilt
from tf_lottery.pruning.channels.rules import RULES
from tf_lottery.pruning.channels.shrink import nonzero_of
from tf_lottery.pruning.channels.walk import analysed

layers = keras.layers
CHANNELS, DEAD = 6, [1, 4]
ALIVE = [channel for channel in range(CHANNELS) if channel not in DEAD]


def small_of(model):
    graph = analysed(model, nonzero_of(model))
    return rebuilt(model, graph, kept(graph)), dict((*graph.barriers.values(), *graph.mixing.values()))


def randomized(model):
    """Give every weight a number of its own: biases, shifts, statistics."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        values = generator.normal(size=weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)


def batch_of(model, examples=3):
    generator = np.random.default_rng(1)
    return [generator.normal(size=(examples, *each.shape[1:])).astype(np.float32) for each in model.inputs]


def assert_same(model, small, **call):
    for one, other in zip(*(tf.nest.flatten(each(batch_of(model), **call)) for each in (model, small)), strict=True):
        # Sums over fewer channels are taken in another order.
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-6 * max(1e-6, np.abs(one).max()))


# Where the channels come from, by the kind of data: an input, and a layer that makes CHANNELS of it.
HEADS = {
    "image": ((8, 8, 3), lambda name: layers.Conv2D(CHANNELS, 3, name=name)),
    "sequence": ((9, 3), lambda name: layers.Conv1D(CHANNELS, 2, name=name)),
    "vector": ((5,), lambda name: layers.Dense(CHANNELS, name=name)),
    "volume": ((5, 5, 5, 2), lambda name: layers.Conv3D(CHANNELS, 2, name=name)),
}


def readers(shape):
    """Return layers that read what has this shape: over its last axis, and number by number."""
    convolution = {3: layers.Conv1D, 4: layers.Conv2D, 5: layers.Conv3D}.get(len(shape))
    window = [min(2, size) for size in shape[1:-1]]
    sliding = [convolution(2, window, padding=padding, name=padding) for padding in ("valid", "same") if convolution]
    return [*sliding, layers.Dense(2, name="each"), layers.Dense(2, name="every")]


def read_by(y, by):
    flat = layers.Flatten()(y) if len(y.shape) > 2 else y
    return [reader(flat if reader.name == "every" else y) for reader in by]


def sandwich(kind, between, dead_of_other=DEAD):
    """Return a model and the model without the channels DEAD of its layer `head`, and of the layer `other`."""
    shape, make = HEADS[kind]
    x = keras.Input(shape)
    made = {name: make(name)(x) for name in ("head", "other")}
    inner = {name: keras.Input(each.shape[1:]) for name, each in made.items()}
    filling = keras.Model(inner, between(inner["head"], inner["other"]))
    # Not as a model inside: the layers themselves stand in the graph.
    y = between(made["head"], made["other"])
    randomized(filling)
    changed = changed_numbers(filling, {"head": DEAD, "other": dead_of_other})
    channels_last = not changed.reshape(-1, changed.shape[-1]).any(axis=0).all()
    if channels_last:  # where zeros are padded too
        changed = np.broadcast_to(changed.reshape(-1, changed.shape[-1]).any(axis=0), changed.shape)
    by = readers(y.shape) if channels_last else [layers.Dense(2, name="every")]
    model = keras.Model(x, read_by(y, by))
    randomized(model)
    for reader in by:
        kernel = reader.kernel.numpy()
        rows = changed.ravel() if reader.name == "every" else changed.reshape(-1, changed.shape[-1]).any(axis=0)
        kernel[..., rows, :] = 0
        reader.kernel.assign(kernel)
    return model


def changed_numbers(filling, dead):
    """Return which numbers of an example depend on these channels of the inputs."""
    inputs = {name: batch_of(filling, 100)[place] for place, name in enumerate(sorted(dead))}
    others = {name: each.copy() for name, each in inputs.items()}
    for name, channels in dead.items():
        others[name][..., channels] += np.random.default_rng(2).normal(size=others[name][..., channels].shape) * 3
    one, other = (np.asarray(filling(each)) for each in (inputs, others))
    return (one != other).any(axis=0)


HANDED_ON = {
    layers.BatchNormalization: ("image", lambda: layers.BatchNormalization()),
    layers.PReLU: ("image", lambda: layers.PReLU(alpha_initializer="ones")),
    layers.Activation: ("image", lambda: layers.Activation("tanh")),
    layers.Rescaling: ("image", lambda: layers.Rescaling(2.0, 1.0)),
    layers.Dropout: ("image", lambda: layers.Dropout(0.5)),
    layers.ReLU: ("image", lambda: layers.ReLU(6.0)),
    layers.LeakyReLU: ("image", lambda: layers.LeakyReLU()),
    layers.ELU: ("image", lambda: layers.ELU()),
    layers.ThresholdedReLU: ("image", lambda: layers.ThresholdedReLU(0.1)),
    layers.ActivityRegularization: ("image", lambda: layers.ActivityRegularization(0.1)),
    layers.GaussianNoise: ("image", lambda: layers.GaussianNoise(0.1)),
    layers.GaussianDropout: ("image", lambda: layers.GaussianDropout(0.1)),
    layers.MaxPooling1D: ("sequence", lambda: layers.MaxPooling1D()),
    layers.MaxPooling2D: ("image", lambda: layers.MaxPooling2D(2, strides=1, padding="same")),
    layers.MaxPooling3D: ("volume", lambda: layers.MaxPooling3D()),
    layers.AveragePooling1D: ("sequence", lambda: layers.AveragePooling1D()),
    layers.AveragePooling2D: ("image", lambda: layers.AveragePooling2D(2, padding="same")),
    layers.AveragePooling3D: ("volume", lambda: layers.AveragePooling3D()),
    layers.ZeroPadding1D: ("sequence", lambda: layers.ZeroPadding1D()),
    layers.ZeroPadding2D: ("image", lambda: layers.ZeroPadding2D(((0, 1), (2, 0)))),
    layers.ZeroPadding3D: ("volume", lambda: layers.ZeroPadding3D()),
    layers.Cropping1D: ("sequence", lambda: layers.Cropping1D()),
    layers.Cropping2D: ("image", lambda: layers.Cropping2D(1)),
    layers.Cropping3D: ("volume", lambda: layers.Cropping3D(((0, 1), (1, 0), (0, 0)))),
    layers.UpSampling1D: ("sequence", lambda: layers.UpSampling1D()),
    layers.UpSampling2D: ("image", lambda: layers.UpSampling2D(2, interpolation="bilinear")),
    layers.UpSampling3D: ("volume", lambda: layers.UpSampling3D()),
    layers.SpatialDropout1D: ("sequence", lambda: layers.SpatialDropout1D(0.5)),
    layers.SpatialDropout2D: ("image", lambda: layers.SpatialDropout2D(0.5)),
    layers.SpatialDropout3D: ("volume", lambda: layers.SpatialDropout3D(0.5)),
    layers.GlobalMaxPooling1D: ("sequence", lambda: layers.GlobalMaxPooling1D()),
    layers.GlobalMaxPooling2D: ("image", lambda: layers.GlobalMaxPooling2D(keepdims=True)),
    layers.GlobalMaxPooling3D: ("volume", lambda: layers.GlobalMaxPooling3D()),
    layers.GlobalAveragePooling1D: ("sequence", lambda: layers.GlobalAveragePooling1D(keepdims=True)),
    layers.GlobalAveragePooling2D: ("image", lambda: layers.GlobalAveragePooling2D()),
    layers.GlobalAveragePooling3D: ("volume", lambda: layers.GlobalAveragePooling3D()),
    layers.Flatten: ("image", lambda: layers.Flatten()),
    layers.Reshape: ("image", lambda: layers.Reshape((-1, CHANNELS))),
    layers.Permute: ("image", lambda: layers.Permute((2, 1, 3))),
    layers.RepeatVector: ("vector", lambda: layers.RepeatVector(3)),
    layers.DepthwiseConv1D: ("sequence", lambda: layers.DepthwiseConv1D(2, depth_multiplier=2)),
    layers.DepthwiseConv2D: ("image", lambda: layers.DepthwiseConv2D(3, depth_multiplier=3, padding="same")),
}
MORE_HANDED_ON = {
    "channels_first": ("image", lambda x, _: layers.BatchNormalization(axis=1)(layers.Permute((3, 1, 2))(x))),
    "flattened_from_channels_first": (
        "image", lambda x, _: layers.Flatten("channels_first")(layers.Permute((3, 1, 2))(x))
    ),
    "slopes_shared_over_positions": ("image", lambda x, _: layers.PReLU(shared_axes=[1, 2])(x)),
    "rows_of_channels": ("image", lambda x, _: layers.Reshape((6, 6 * CHANNELS))(x)),
    "one_position": ("vector", lambda x, _: layers.Reshape((1, 1, CHANNELS))(x)),
    "one_more_axis": ("vector", lambda x, _: layers.Reshape((CHANNELS, 1))(x)),
    "operators_of_one": ("image", lambda x, _: tf.nn.relu6(2.0 * x + 1.0) - x / 3.0),
    "operators_of_two": ("image", lambda x, y: tf.maximum(x * y, y)),
    "an_operator_that_reduces": ("image", lambda x, _: tf.reduce_mean(x, [1, 2], keepdims=True)),
    "an_operator_that_drops_axes": ("image", lambda x, _: tf.reduce_max(x, axis=1)),
    "an_operator_that_resizes": ("image", lambda x, _: tf.image.resize(x, (4, 5))),
    "an_operator_that_adds_an_axis": ("sequence", lambda x, _: tf.expand_dims(x, 2)),
    "groups_that_are_shuffled": (
        "image", lambda x, y: layers.Reshape((6, 6, 2 * CHANNELS))(
            layers.Permute((1, 2, 4, 3))(layers.Reshape((6, 6, 2, CHANNELS))(layers.Concatenate()([x, y])))
        ),
    ),
    "gates": ("image", lambda x, y: layers.Multiply()([x, layers.GlobalAveragePooling2D()(y)])),
    "sums_of_sums": ("image", lambda x, y: layers.Add()([x, layers.Average()([y, x])])),
}  # fmt: skip
JOINS = {
    kind: ("image", lambda x, y, kind=kind: kind()([x, y]))
    for kind in (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
}
ALONE = {kind.__name__: (data, lambda x, _, make=make: make()(x)) for kind, (data, make) in HANDED_ON.items()}


@pytest.mark.parametrize(
    ("kind", "between"),
    [
        pytest.param(*case, id=name)
        for name, case in (ALONE | MORE_HANDED_ON | {kind.__name__: case for kind, case in JOINS.items()}).items()
    ],
)
def test_channels_that_nothing_reads_behind_a_layer_go(kind, between):
    model = sandwich(kind, between)
    small, barriers = small_of(model)
    assert_same(model, small)
    assert not barriers
    np.testing.assert_array_equal(small.get_layer("head").bias, model.get_layer("head").bias.numpy()[ALIVE])
    assert small.get_layer("head").kernel.shape[-1] == len(ALIVE)


@pytest.mark.parametrize("operator", [False, True])
def test_concatenated_channels_go_each_from_where_it_comes(operator):
    joined = (lambda x, y: tf.concat([x, y], -1)) if operator else (lambda x, y: layers.Concatenate()([x, y]))
    model = sandwich("image", joined, dead_of_other=[0, 2, 5])
    small, _ = small_of(model)
    assert_same(model, small)
    np.testing.assert_array_equal(small.get_layer("head").bias, model.get_layer("head").bias.numpy()[ALIVE])
    np.testing.assert_array_equal(small.get_layer("other").bias, model.get_layer("other").bias.numpy()[[1, 3, 4]])


def test_channels_that_are_concatenated_along_another_axis_go_together():
    model = sandwich("image", lambda x, y: layers.Concatenate(axis=1)([x, y]))
    small, _ = small_of(model)
    assert_same(model, small)
    assert [small.get_layer(name).filters for name in ("head", "other")] == [4, 4]


def test_a_channel_stays_as_long_as_one_copy_of_it_is_read():
    model = sandwich("image", lambda x, _: layers.Concatenate()([x, x]))
    small, _ = small_of(model)
    assert small.get_layer("head").filters == 4
    kernel = model.get_layer("each").kernel.numpy()
    kernel[DEAD[0] + CHANNELS] = 1
    model.get_layer("each").kernel.assign(kernel)
    small, _ = small_of(model)
    assert_same(model, small)
    assert small.get_layer("head").filters == 5


class Whole(layers.Layer):
    """A layer of nobody's knowledge, which hands on what it gets."""

    def call(self, x):
        return x * 1.0


STAY = {
    "LayerNormalization": ("image", lambda: layers.LayerNormalization()),
    "GroupNormalization": ("image", lambda: layers.GroupNormalization(2)),
    "UnitNormalization": ("image", lambda: layers.UnitNormalization()),
    "Softmax": ("image", lambda: layers.Softmax()),
    "Activation": ("image", lambda: layers.Activation("softmax")),
    "Masking": ("sequence", lambda: layers.Masking()),
    "Lambda": ("image", lambda: layers.Lambda(lambda x: x - tf.reduce_mean(x, -1, keepdims=True))),
    "LocallyConnected1D": ("sequence", lambda: layers.LocallyConnected1D(4, 2)),
    "Dropout": ("image", lambda: layers.Dropout(0.5, noise_shape=(None, 1, 1, CHANNELS))),
    "Rescaling": ("image", lambda: layers.Rescaling(list(range(CHANNELS)))),
    "Whole": ("image", Whole),
    "BatchNormalization": ("image", lambda: layers.BatchNormalization(axis=[1, 3])),
    "MultiHeadAttention": ("sequence", lambda: lambda x: layers.MultiHeadAttention(2, 2)(x, x)),
    "TFOpLambda": ("image", lambda: lambda x: x * np.arange(CHANNELS, dtype=np.float32)),
    "SlicingOpLambda": ("image", lambda: lambda x: x[..., 1:]),
    "ReverseLambda": ("image", lambda: lambda x: tf.reverse(x, [-1])),
    "SumLambda": ("image", lambda: lambda x: tf.reduce_sum(x, -1, keepdims=True)),
}


@pytest.mark.parametrize(("kind", "make"), [pytest.param(*case, id=name) for name, case in STAY.items()])
def test_what_is_not_understood_stays_with_all_that_it_reads_and_is_named(kind, make):
    shape, head = HEADS[kind]
    x = keras.Input(shape)
    y = make()(head("head")(x))
    model = keras.Model(x, layers.Dense(2, name="reader")(y))
    randomized(model)
    kernel = model.get_layer("reader").kernel.numpy()
    kernel[[row for row in DEAD if row < len(kernel)]] = 0
    model.get_layer("reader").kernel.assign(kernel)
    small, barriers = small_of(model)
    assert_same(model, small)
    assert small.get_layer("head").kernel.shape == model.get_layer("head").kernel.shape
    assert small.get_layer("reader").kernel.shape == kernel.shape
    assert list(barriers) == [model.layers[2].name]


def zero_rows(layer, rows, axis):
    """Have a layer not read these channels."""
    values = np.moveaxis(layer.kernel.numpy(), axis, 0)
    values[rows] = 0
    layer.kernel.assign(np.moveaxis(values, 0, axis))


# A layer with kernels, and what a person would set to 0 in it by hand so that it does not read the channels DEAD of
# what comes before, nor its own channel 0.
def _rows(axis):
    return lambda layer: zero_rows(layer, DEAD, axis)


def _multiplied(layer):
    values = layer.pointwise_kernel.numpy()
    values[..., [2, 3, 8, 9], :] = 0  # each channel has two neighbours
    layer.pointwise_kernel.assign(values)


def _gates(layer):
    _rows(axis=0)(layer.cell)
    values = layer.cell.recurrent_kernel.numpy()
    values[0, np.arange(values.shape[1]) % layer.units != 0] = 0
    layer.cell.recurrent_kernel.assign(values)


def _both_ways(layer):
    _gates(layer.forward_layer)
    _gates(layer.backward_layer)


KERNELS = {
    layers.Dense: ("image", lambda: layers.Dense(4, "relu"), _rows(axis=0)),
    layers.Conv1D: ("sequence", lambda: layers.Conv1D(4, 3, padding="causal"), _rows(axis=-2)),
    layers.Conv2D: ("image", lambda: layers.Conv2D(4, 3, 2, "same", dilation_rate=1), _rows(axis=-2)),
    layers.Conv3D: ("volume", lambda: layers.Conv3D(4, 2, use_bias=False), _rows(axis=-2)),
    layers.Conv1DTranspose: ("sequence", lambda: layers.Conv1DTranspose(4, 3, 2), _rows(axis=-1)),
    layers.Conv2DTranspose: ("image", lambda: layers.Conv2DTranspose(4, 3, 2, "same"), _rows(axis=-1)),
    layers.Conv3DTranspose: ("volume", lambda: layers.Conv3DTranspose(4, 2), _rows(axis=-1)),
    layers.SeparableConv1D: ("sequence", lambda: layers.SeparableConv1D(4, 2, depth_multiplier=2), _multiplied),
    layers.SeparableConv2D: ("image", lambda: layers.SeparableConv2D(4, 2, depth_multiplier=2), _multiplied),
    layers.SimpleRNN: ("sequence", lambda: layers.SimpleRNN(4, return_sequences=True), _gates),
    layers.GRU: ("sequence", lambda: layers.GRU(4), _gates),
    layers.LSTM: ("sequence", lambda: layers.LSTM(4, return_sequences=True, go_backwards=True), _gates),
    "old_gru": ("sequence", lambda: layers.GRU(4, reset_after=False, use_bias=False), _gates),
    layers.Bidirectional: ("sequence", lambda: layers.Bidirectional(layers.LSTM(4), merge_mode="sum"), _both_ways),
    layers.TimeDistributed: (
        "sequence", lambda: layers.TimeDistributed(layers.Dense(4, "tanh")),
        lambda layer: _rows(axis=0)(layer.layer),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "make", "zero"),
    [pytest.param(*case, id=getattr(kind, "__name__", kind)) for kind, case in KERNELS.items()],
)
def test_channels_that_a_kernel_does_not_read_go_and_so_do_its_own(kind, make, zero):
    shape, head = HEADS[kind]
    x = keras.Input(shape)
    layer = make()
    y = layer(head("head")(x))
    by = readers(y.shape)
    model = keras.Model(x, read_by(y, by))
    randomized(model)
    zero(layer)
    for reader in by:
        kernel = reader.kernel.numpy()
        kernel[..., ::4, :] = 0  # of each position the first of 4 channels
        reader.kernel.assign(kernel)
    small, barriers = small_of(model)
    assert_same(model, small)
    assert not barriers
    np.testing.assert_array_equal(small.get_layer("head").bias, model.get_layer("head").bias.numpy()[ALIVE])
    assert small.get_layer("each").kernel.shape[0] == 3


def test_the_kth_channels_of_groups_go_together():
    x = keras.Input((8, 8, 3))
    head = layers.Conv2D(6, 3, name="head")(x)
    middle = layers.Conv2D(8, 3, groups=2, name="middle")(head)  # reads 3 of 6, makes 4 in each group
    model = keras.Model(x, layers.Conv2D(2, 2, name="reader")(middle))
    randomized(model)
    kernel, rows = model.get_layer("middle").kernel.numpy(), model.get_layer("reader").kernel.numpy()
    kernel[:, :, 1] = 0
    rows[:, :, [2, 5, 6]] = 0  # the third of both groups, and the second of one
    model.get_layer("middle").kernel.assign(kernel)
    model.get_layer("reader").kernel.assign(rows)
    small, _ = small_of(model)
    assert_same(model, small)
    np.testing.assert_array_equal(small.get_layer("head").bias, model.get_layer("head").bias.numpy()[[0, 2, 3, 5]])
    np.testing.assert_array_equal(
        small.get_layer("middle").bias, model.get_layer("middle").bias.numpy()[[0, 1, 3, 4, 5, 7]]
    )


def test_features_of_an_embedding_go_and_its_mask_stays():
    ids = keras.Input((5,), dtype="int32")
    features = layers.Embedding(
        7, 4, mask_zero=True, embeddings_initializer=keras.initializers.Constant(np.ones((7, 4)))
    )
    model = keras.Model(ids, layers.LSTM(3, name="reader")(features(ids)))
    randomized(model)
    kernel = model.get_layer("reader").cell.kernel.numpy()
    kernel[2] = 0
    model.get_layer("reader").cell.kernel.assign(kernel)
    small, _ = small_of(model)
    data = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]])
    np.testing.assert_allclose(small(data), model(data), atol=1e-6)
    assert small.layers[1].output_dim == 3
    assert small.layers[1].embeddings.shape == (7, 3)


def test_a_dense_layer_whose_activation_mixes_keeps_all_that_it_makes():
    x = keras.Input((5,))
    y = layers.Dense(6, "softmax", name="mixing")(layers.Dense(6, name="head")(x))
    model = keras.Model(x, layers.Dense(2, name="reader")(y))
    randomized(model)
    for name in ("mixing", "reader"):
        _rows(axis=0)(model.get_layer(name))
    small, _ = small_of(model)
    assert_same(model, small)
    assert [small.get_layer(name).units for name in ("head", "mixing")] == [4, 6]


def test_a_tensor_that_is_read_for_a_mask_alone_stays():
    """One channel for all, computed from a tensor that nothing else reads."""
    x = keras.Input((8, 8, 3))
    head = layers.Conv2D(6, 3, padding="same", name="head")(x)
    mask = layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="mask")(head)
    y = layers.Conv2D(4, 3, padding="same", name="masked")(x)
    for join in (lambda a, b: layers.Multiply()([a, b]), lambda a, b: b * a):
        model = keras.Model(x, layers.Conv2D(2, 3, name="reader")(join(y, mask)))
        randomized(model)
        _rows(axis=-2)(model.get_layer("mask"))
        kernel = model.get_layer("reader").kernel.numpy()
        kernel[:, :, 3] = 0
        model.get_layer("reader").kernel.assign(kernel)
        small, _ = small_of(model)
        assert_same(model, small)
        assert [small.get_layer(name).filters for name in ("head", "mask", "masked")] == [4, 1, 3]


def test_channels_that_are_read_along_another_axis_stay():
    x = keras.Input((8, 8, 3))
    turned = layers.Permute((3, 1, 2))(layers.Conv2D(6, 3, name="head")(x))
    across = layers.TimeDistributed(layers.Dense(3), name="steps")(turned)
    for y in (layers.Conv2D(2, 1, name="reader")(turned), layers.Dense(2, name="reader")(across)):
        model = keras.Model(x, y)
        randomized(model)
        zero_rows(model.get_layer("reader"), [1], -2)
        small, barriers = small_of(model)
        assert_same(model, small)
        assert small.get_layer("head").filters == 6
        assert not barriers


def test_a_layer_and_a_model_that_are_called_on_two_tensors_need_equal_channels_of_both():
    x = keras.Input((5,))
    one, two = layers.Dense(6, name="one")(x), layers.Dense(6, name="two")(x)
    shared = layers.Dense(4, name="shared")
    inside = keras.Sequential([layers.ReLU(input_shape=(6,)), layers.Dense(3, name="inner")])
    for reader, kernel in ((shared, shared), (inside, inside.layers[1])):
        model = keras.Model(x, [reader(one), reader(two)])
        randomized(model)
        zero_rows(kernel, DEAD, 0)
        small, _ = small_of(model)
        assert_same(model, small)
        for name in ("one", "two"):
            np.testing.assert_array_equal(small.get_layer(name).bias, model.get_layer(name).bias.numpy()[ALIVE])


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_states_that_a_layer_hands_to_another_have_the_channels_of_both(kind):
    x = keras.Input((4, 3))
    first, *states = kind(5, return_state=True, name="first")(x)
    y = kind(5, name="second")(x, initial_state=states)
    model = keras.Model(x, [layers.Dense(2, name="end")(y), layers.Dense(2, name="middle")(first)])
    randomized(model)
    for name in ("first", "second"):
        cell = model.get_layer(name).cell
        values = cell.recurrent_kernel.numpy()
        values[2, np.arange(values.shape[1]) % 5 != 2] = 0
        cell.recurrent_kernel.assign(values)
    zero_rows(model.get_layer("end"), [2], 0)
    small, _ = small_of(model)
    assert small.get_layer("first").units == small.get_layer("second").units == 5
    zero_rows(model.get_layer("middle"), [2], 0)
    small, barriers = small_of(model)
    assert_same(model, small)
    assert not barriers
    assert small.get_layer("first").units == small.get_layer("second").units == 4


def test_a_channel_stays_as_long_as_one_of_many_reads_it():
    x = keras.Input((5,))
    model = keras.Model(x, layers.Dense(3, name="reader")(layers.Dense(6, name="head")(x)))
    randomized(model)
    model.get_layer("reader").kernel.assign(np.eye(6, 3))
    small, _ = small_of(model)
    assert_same(model, small)
    np.testing.assert_array_equal(small.get_layer("head").bias, model.get_layer("head").bias.numpy()[:3])


def test_every_kind_of_layer_that_has_a_rule_is_tested_here():
    tested = {kind for kind in (HANDED_ON | JOINS | KERNELS) if isinstance(kind, type)}
    elsewhere = {layers.Embedding, layers.Concatenate, layers.Softmax}
    assert {kind.__name__ for kind in RULES} - {"TFOpLambda"} == {kind.__name__ for kind in tested | elsewhere}
    assert {"__operators__.add", "concat", "image.resize"} <= OPERATORS.keys()
