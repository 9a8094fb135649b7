"""Counts of each kind of layer beside TensorFlow's own profiler, which sees operations and no zero weights."""

import logging

import numpy as np
import pytest
from absl import logging as absl_logging

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.flops import Flops, flops

layers = keras.layers
# The profiler counts 2 for each multiply-add of all of these; we count 1 for those of convolutions.
CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput")


def alone(layer, *shapes, **options):
    inputs = [keras.Input(shape, **options) for shape in shapes]
    return keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))


def profile(model, batch=1):
    """Return the float operations of a model by operation, as TensorFlow's profiler counts them."""
    specs = [tf.TensorSpec((batch, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    return profile_of(lambda *inputs: model(inputs[0] if len(inputs) == 1 else list(inputs), training=False), specs)


def profile_of(function, specs):
    options = {**tf.compat.v1.profiler.ProfileOptionBuilder.float_operation(), "output": "none"}
    graph = tf.function(function).get_concrete_function(*specs).graph
    found = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    counts, nodes = {}, [found]
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        counts[node.name] = node.float_ops
    return counts


# Recurrent layers are unrolled, for the profiler does not know how often a loop runs.
LIKE_THE_PROFILER = {
    "Dense": (layers.Dense(6), (7,)),
    "Dense on steps": (layers.Dense(6, use_bias=False), (3, 7)),
    "Conv1D": (layers.Conv1D(4, 3, strides=2), (9, 2)),
    "Conv2D": (layers.Conv2D(4, 3, strides=2, padding="same"), (9, 7, 2)),
    "Conv3D": (layers.Conv3D(4, 3), (5, 4, 5, 2)),
    "DepthwiseConv1D": (layers.DepthwiseConv1D(3, depth_multiplier=2), (9, 2)),
    "DepthwiseConv2D": (layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2), (9, 7, 2)),
    "SeparableConv1D": (layers.SeparableConv1D(4, 3), (9, 2)),
    "SeparableConv2D": (layers.SeparableConv2D(4, 3, depth_multiplier=2), (9, 7, 2)),
    # Without "same" the profiler takes the output's size over the strides for the number of products, which it is not.
    "Conv1DTranspose": (layers.Conv1DTranspose(4, 3, strides=2, padding="same"), (9, 2)),
    "Conv2DTranspose": (layers.Conv2DTranspose(4, 3, strides=2, padding="same"), (5, 4, 2)),
    "SimpleRNN": (layers.SimpleRNN(4, unroll=True), (5, 3)),
    "LSTM": (layers.LSTM(4, unroll=True, return_sequences=True), (5, 3)),
    "GRU": (layers.GRU(4, unroll=True), (5, 3)),
    "GRU, reset before": (layers.GRU(4, unroll=True, reset_after=False), (5, 3)),
    "RNN of cells": (layers.RNN([layers.LSTMCell(4), layers.GRUCell(2)], unroll=True), (5, 3)),
    "Bidirectional": (layers.Bidirectional(layers.SimpleRNN(4, unroll=True)), (5, 3)),
    "TimeDistributed": (layers.TimeDistributed(layers.Conv2D(4, 3)), (5, 6, 7, 2)),
    "TimeDistributed LSTM": (layers.TimeDistributed(layers.LSTM(2, unroll=True)), (4, 3, 5)),
    "Attention": (layers.Attention(use_scale=True), (5, 3), (4, 3)),
    "Dot": (layers.Dot((1, 2)), (5, 4), (3, 5)),
    "Add": (layers.Add(), (5, 4), (5, 4)),
    "MaxPooling2D": (layers.MaxPooling2D(), (4, 4, 2)),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D(), (4, 4, 2)),
    "Softmax": (layers.Softmax(), (4,)),
}


@pytest.mark.parametrize("name", LIKE_THE_PROFILER)
def test_a_layer_costs_what_the_profiler_counts_but_convolutions_half_and_elements_nothing(name):
    layer, *shapes = LIKE_THE_PROFILER[name]
    model = alone(layer, *shapes)
    counts = profile(model)
    once = sum(counts.get(operation, 0) for operation in CONVOLUTIONS) // 2 + counts.get("MatMul", 0)
    always = counts.get("BatchMatMulV2", 0) + counts.get("BiasAdd", 0)
    assert flops(model) == Flops(dense=once + always, effective=once + always)
    halve(model)
    assert flops(model) == Flops(dense=once + always, effective=once // 2 + always)


def halve(model):
    """Set every second weight of each kernel to 0."""
    for weight in model.weights:
        if weight.shape.rank > 1 and "bias" not in weight.name:  # a GRU's biases are two rows
            values = weight.numpy()
            assert np.count_nonzero(values) == values.size
            assert values.size % 2 == 0
            values.reshape(-1)[::2] = 0
            weight.assign(values)


def test_a_group_of_channels_is_multiplied_with_its_own_kernels_alone():
    # The profiler counts no grouped convolution: two halves, side by side.
    half = flops(alone(layers.Conv2D(3, 3), (9, 7, 2))).dense
    assert flops(alone(layers.Conv2D(6, 3, groups=2), (9, 7, 4))).dense == 2 * half


def test_a_dilated_convolution_costs_what_one_with_as_many_outputs_does():
    # The profiler counts the positions that TensorFlow adds to split the image up.
    near = flops(alone(layers.Conv2D(4, 3, padding="same"), (9, 7, 2)))
    assert flops(alone(layers.Conv2D(4, 3, padding="same", dilation_rate=2), (9, 7, 2))) == near


def test_a_transposed_convolution_costs_what_the_one_that_it_undoes_does():
    there = profile(alone(layers.Conv3D(2, 3, strides=2, use_bias=False), (7, 7, 7, 4)))["Conv3D"]
    back = alone(layers.Conv3DTranspose(4, 3, strides=2, use_bias=False), (3, 3, 3, 2))
    assert back.output_shape[1:] == (7, 7, 7, 4)
    assert flops(back).dense == there // 2


@pytest.mark.parametrize("implementation", [1, 2, 3])
def test_a_locally_connected_layer_costs_what_a_convolution_does(implementation):
    shared = profile(alone(layers.Conv2D(4, 3), (6, 5, 2)))
    model = alone(layers.LocallyConnected2D(4, 3, implementation=implementation), (6, 5, 2))
    assert flops(model).dense == shared["Conv2D"] // 2 + shared["BiasAdd"]


@pytest.mark.parametrize("equation", ["abc,cd->abd", "abc,bd->adc", "abc,cde->abde", "abcd,cde->abe", "...x,xy->...y"])
def test_an_einsum_costs_what_numpy_counts_for_it(equation):
    into, output = equation.split("->")
    data, kernel = into.replace("...", "ab").split(",")
    sizes = dict(zip("abcdexy", (1, 3, 4, 5, 6, 7, 8), strict=True))
    last = [None if equation[0] == "." else sizes[index] for index in output.replace("...", "")[1:]]
    layer = layers.EinsumDense(equation, output_shape=8 if equation[0] == "." else last)
    model = alone(layer, [sizes[index] for index in data[1:]])
    arrays = [np.ones([sizes[index] for index in operand]) for operand in (data, kernel)]
    text = np.einsum_path(f"{data},{kernel}->{output.replace('...', 'ab')}", *arrays)[1]
    assert flops(model).dense == float(text.split("Naive FLOP count:")[1].split()[0])


def test_attention_with_heads_costs_what_its_products_one_by_one_do():
    query, value = keras.Input((5, 4)), keras.Input((6, 7))
    model = keras.Model([query, value], layers.MultiHeadAttention(2, 3, value_dim=5)(query, value))

    def by_hand(query, value):
        heads = []
        for _ in range(2):
            queries = tf.nn.bias_add(query @ tf.ones((4, 3)), tf.ones(3))
            keys, values = (tf.nn.bias_add(value @ tf.ones((7, size)), tf.ones(size)) for size in (3, 5))
            heads.append(tf.nn.softmax(queries @ tf.transpose(keys)) @ values)
        return tf.nn.bias_add(tf.concat(heads, 1) @ tf.ones((10, 4)), tf.ones(4))

    counts = profile_of(by_hand, [tf.TensorSpec((5, 4)), tf.TensorSpec((6, 7))])
    assert flops(model).dense == counts["MatMul"] + counts["BiasAdd"]


def test_attention_along_some_axes_is_as_many_attentions_as_the_others_have_places():
    def attend(shape, axes):
        x = keras.Input(shape)
        return flops(keras.Model(x, layers.MultiHeadAttention(2, 3, attention_axes=axes)(x, x))).dense

    assert attend((5, 3, 4), (2,)) == 5 * attend((3, 4), (1,))
    assert attend((5, 3, 4), (1, 2)) == attend((15, 4), (1,))


def test_scores_that_are_sums_count_nothing_but_the_product_with_a_scale():
    def counts(layer):
        model = alone(layer, (5, 3), (4, 3))
        return flops(model), profile(model)

    ours, theirs = counts(layers.Attention(score_mode="concat"))
    assert ours.dense == theirs["BatchMatMulV2"]
    ours, theirs = counts(layers.AdditiveAttention(use_scale=False))
    assert ours.dense == theirs["BatchMatMulV2"]
    ours, theirs = counts(layers.AdditiveAttention())
    assert ours.dense == theirs["BatchMatMulV2"] + 2 * theirs["Mul"]


@pytest.mark.parametrize("all_steps", [True, False])
def test_a_convolutional_lstm_costs_both_its_convolutions_at_each_step(all_steps):
    model = alone(layers.ConvLSTM2D(3, 3, return_sequences=all_steps), (5, 8, 6, 2))
    inputs = profile(alone(layers.Conv2D(12, 3), (8, 6, 2)))
    states = profile(alone(layers.Conv2D(12, 3, padding="same", use_bias=False), (6, 4, 3)))
    products = (inputs["Conv2D"] + states["Conv2D"]) // 2
    assert flops(model).dense == 5 * (products + inputs["BiasAdd"])
    halve(model)
    assert flops(model).effective == 5 * (products // 2 + inputs["BiasAdd"])
    for name, times in (("activation", 2), ("recurrent_activation", 3)):
        rectified = alone(layers.ConvLSTM2D(3, 3, return_sequences=all_steps, **{name: "relu"}), (5, 8, 6, 2))
        assert flops(rectified).dense == 5 * (products + inputs["BiasAdd"] + 2 * times * 6 * 4 * 3)


@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_a_recurrent_layer_costs_the_same_however_it_is_run(kind):
    unrolled = flops(alone(kind(4, unroll=True), (5, 3)))
    assert flops(alone(kind(4), (5, 3))) == unrolled
    # Of each step: of the state that is new, and the cell; of the gates.
    rectified = {layers.SimpleRNN: 1, layers.LSTM: 2 + 3, layers.GRU: 1 + 2}[kind]
    relu = {"activation": "relu"} | ({} if kind is layers.SimpleRNN else {"recurrent_activation": "relu"})
    stateful = alone(layers.RNN(kind(4, **relu).cell, stateful=True), (5, 3), batch_size=3)
    assert flops(stateful).dense == unrolled.dense + 5 * 4 * 2 * rectified


def test_a_normalisation_costs_a_scale_and_a_shift_of_each_output():
    # The profiler counts what is done once for all examples too: the difference between two batches is one example.
    model = alone(layers.BatchNormalization(), (4,))
    many, one = (profile(model, batch) for batch in (9, 8))
    assert flops(model).dense == sum(many.values()) - sum(one.values()) == 8
    # Its statistics are inside an operation that the profiler does not count.
    model = alone(layers.LayerNormalization(), (5, 4))
    assert flops(model).dense == profile(model)["Mul"] + profile(model)["AddV2"] == 40
    assert flops(alone(layers.GroupNormalization(2), (5, 5, 4))).dense == 200


@pytest.mark.parametrize(
    "rectify",
    [
        layers.ReLU(),
        layers.Activation("relu"),
        layers.Lambda(tf.nn.relu),
        tf.nn.relu,
        keras.activations.relu,
        layers.PReLU(),
        layers.Embedding(3, 2),
    ],
)
def test_a_relu_costs_2_for_each_output_and_what_only_looks_up_or_bends_nothing(rectify):
    x = keras.Input((5, 3))
    free = isinstance(rectify, (layers.PReLU, layers.Embedding))
    assert flops(keras.Model(x, rectify(x))).dense == (0 if free else 30)


def test_each_call_counts_on_its_own_shape_inside_models_and_blocks_too():
    def convolution(size):
        return flops(alone(layers.Conv2D(4, 3, activation="relu"), (size, size, 2))).dense

    class Block(layers.Layer):
        """A block of one's own, with a condition that only a graph decides."""

        def __init__(self, convolve, **kwargs):
            super().__init__(**kwargs)
            self.convolve = convolve

        def call(self, x):
            if tf.reduce_sum(x) > 0:
                x = x + 1
            return self.convolve(x)

    large, small = keras.Input((8, 8, 2)), keras.Input((6, 6, 2))
    shared = layers.Conv2D(4, 3, activation="relu")
    nested = keras.Sequential([layers.Conv2D(4, 3, activation="relu", input_shape=(None, None, 2))])
    deeper = keras.Sequential([nested, layers.GlobalAveragePooling2D()])
    outputs = [
        part(x)
        for part in (shared, nested, deeper, Block(layers.Conv2D(4, 3, activation="relu")))
        for x in (large, small)
    ]
    outputs.append(shared(large))
    model = keras.Model([large, small], outputs)
    before = len(shared._inbound_nodes)
    assert flops(model).dense == 4 * (convolution(8) + convolution(6)) + convolution(8)
    assert len(shared._inbound_nodes) == before


@pytest.fixture
def said(caplog, monkeypatch):
    """What the library logs as a warning."""
    monkeypatch.setattr(absl_logging.get_absl_logger(), "propagate", True)
    with caplog.at_level(logging.WARNING, logger="absl"):
        yield caplog


def test_masks_count_in_prunable_models_and_in_those_of_tf_mot(said):
    import tensorflow_model_optimization as tfmot

    def plain():
        x = keras.Input((2, 4))
        return keras.Model(x, layers.Dense(2, "relu")(layers.SimpleRNN(3, "relu", unroll=True)(x)))

    model = tl.prunable(plain())
    assert flops(model) == flops(plain())
    tl.prune(model, 0.5)
    assert flops(model).effective < flops(model).dense == flops(plain()).dense
    assert flops(tl.strip(model)) == flops(model)
    theirs = tfmot.sparsity.keras.prune_low_magnitude(plain())
    theirs.set_weights([np.ones(weight.shape) for weight in theirs.weights])
    assert flops(theirs) == flops(plain())
    assert not said.messages


def test_flops_leave_a_model_as_it_was():
    model = keras.Sequential([layers.Dense(3, activity_regularizer="l2", input_shape=(4,)), layers.Dropout(0.5)])
    x = np.ones((2, 4), np.float32)
    call, losses = keras.layers.Layer.__call__, [float(loss) for loss in (model(x), model.losses)[1]]
    flops(model)
    assert keras.layers.Layer.__call__ is call
    assert [float(loss) for loss in (model(x), model.losses)[1]] == losses


def test_half_precision_costs_the_same():
    policy = keras.mixed_precision.Policy("mixed_bfloat16")
    model = keras.Sequential([layers.Conv2D(4, 3, dtype=policy, input_shape=(6, 6, 2)), layers.Dense(3, dtype=policy)])
    assert flops(model).dense == 16 * (72 + 4) + 16 * (2 * 12 + 3)


class Unknown(layers.Layer):
    """Multiplies by a kernel in a way of its own."""

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[-1], shape[-1]))

    def call(self, x):
        return x @ self.kernel


def test_layers_whose_kernels_no_formula_knows_are_named_once(said):
    class Scaled(layers.Dense):
        def call(self, x):
            return 2 * super().call(x)

    class Renamed(layers.Dense):
        pass

    x = keras.Input((3,))
    unknown = Unknown(name="mine")
    model = keras.Model(x, Renamed(3, name="known")(Scaled(3, name="scaled")(unknown(unknown(x)))))
    assert flops(model).dense == 2 * 9 + 3
    (message,) = said.messages
    assert message.endswith("count nothing: mine (Unknown), scaled (Scaled)")


def test_open_sizes_need_a_batch():
    model = keras.Sequential([layers.Conv2D(4, 3, input_shape=(None, None, 2)), layers.GlobalMaxPooling2D()])
    with pytest.raises(ValueError, match=r"shape \(None, None, None, 2\); expected known sizes.*inputs="):
        flops(model)
    fixed = keras.Sequential([layers.Conv2D(4, 3, input_shape=(8, 7, 2))])
    assert flops(model, inputs=np.zeros((5, 8, 7, 2))) == flops(fixed)
    for wrong in (np.zeros((5, 8, 7, 3)), np.zeros((0, 8, 7, 2)), 3, "x", object()):
        with pytest.raises(ValueError, match="inputs: the model cannot take them"):
            flops(model, inputs=wrong)


def test_what_is_no_model_with_shapes_is_an_error_in_a_sentence():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    for wrong, message in ((3, "expected a Keras model"), (None, "expected a Keras model")):
        with pytest.raises(TypeError, match=message):
            flops(wrong)
    for unbuilt in (keras.Sequential([layers.Dense(3)]), Own()):
        with pytest.raises(ValueError, match="no shapes yet"):
            flops(unbuilt)
    for made in (Own(), keras.Sequential([layers.Dense(3)])):
        made(np.zeros((2, 4)))
        assert flops(made).dense == flops(made, inputs=np.zeros((5, 4))).dense == 2 * 12 + 3
    lines = alone(layers.Dense(3), (None, 4), ragged=True)
    with pytest.raises(ValueError, match="expected known sizes"):
        flops(lines)
