"""Layers of a user's own, and others that TF-MOT cannot prune, are in the copy as they were, with what they learnt."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


class Applied(layers.Layer):
    """Its configuration cannot hold the function."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def build(self, input_shape):
        self.matrix = self.add_weight("matrix", (input_shape[-1], 4), regularizer="l2")
        super().build(input_shape)

    def call(self, x):
        return self.function(x @ self.matrix)


class Forgetful(layers.Layer):
    """Its configuration leaves the factor out."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return super().get_config()


class Block(keras.Model):
    """A subclassed model, with a weight of its own and a frozen layer."""

    def __init__(self, function):
        super().__init__()
        self.function, self.dense, self.norm = function, layers.Dense(4), layers.BatchNormalization()
        self.shift = self.add_weight("shift", (4,), initializer="normal")
        self.dense.trainable = False

    def call(self, x):
        return self.function(self.norm(self.dense(x))) + self.shift


class Configured(keras.Model):
    """One that Keras could make anew, with a Sequential model in it."""

    def __init__(self, units=3):
        super().__init__()
        self.dense, self.inner = layers.Dense(units), keras.Sequential([layers.Dense(4), layers.ReLU()])

    def call(self, x):
        return self.inner(self.dense(x))


class Tied(layers.Layer):
    """Uses the weights of another layer of the model."""

    def __init__(self, to, **kwargs):
        super().__init__(**kwargs)
        self.to = to

    def call(self, x):
        return tf.matmul(x, self.to.embeddings, transpose_b=True)


def squared(x):
    return x * x


OTHERS = {
    "no configuration": lambda: Applied(tf.nn.relu),
    "a configuration that leaves something out": lambda: Forgetful(3.0),
    "subclassed block": lambda: Block(tf.nn.tanh),
    "subclassed block with a configuration": lambda: Configured(5),
    "a function": lambda: layers.Lambda(lambda x: squared(x) + 1),
    "an activation that Keras does not know": lambda: layers.Dense(4, activation=squared),
    "a penalty that Keras does not know": lambda: layers.Dense(4, kernel_regularizer=lambda w: tf.reduce_sum(w * w)),
    "no kernel of its table": lambda: layers.PReLU(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_layer_is_the_same_in_the_copy_and_shares_nothing(name):
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(OTHERS[name]()(layers.Dense(4)(x))))
    for weight in model.weights:
        weight.assign_add(0.01 * tf.ones_like(weight))  # not what an initialiser gives
    copy = tl.prunable(model)
    assert np.array_equal(copy(X), model(X))
    assert np.array_equal(copy(X, training=True), model(X, training=True))
    assert sum(map(float, copy.losses)) == sum(map(float, model.losses))
    assert len(copy.trainable_weights) == len(model.trainable_weights)
    assert not {id(weight) for weight in copy.weights} & {id(weight) for weight in model.weights}
    tl.prune(copy, 0.5)
    pruned = copy(X).numpy()
    assert not [weight for weight in tl.strip(copy).weights if getattr(weight, "constraint", None) is not None]
    for other in (tl.strip(copy), tl.prunable(copy), tl.prunable(tl.strip(copy))):
        assert np.array_equal(other(X), pruned)
        for weight in other.weights:
            weight.assign(tf.zeros_like(weight))
    assert np.array_equal(copy(X), pruned)


def test_layers_that_stay_dense_are_named_and_of_a_block_the_block(caplog):
    x = keras.Input((4,))
    block = Block(tf.nn.tanh)
    copy = tl.prunable(keras.Model(x, layers.Dense(2)(block(Applied(tf.nn.relu, name="mine")(x)))))
    assert f"cannot prune such layers: mine (Applied), {block.name} (Block)\n" in caplog.text
    assert len(prunable_kernels(copy)) == 1


def test_a_layer_that_uses_anothers_weights_uses_those_of_its_copy():
    tokens = keras.Input((5,), dtype="int32")
    embedding = layers.Embedding(8, 6)
    model = keras.Model(tokens, Tied(embedding)(layers.Dense(6)(embedding(tokens))))
    x = np.array([[1, 2, 3, 4, 5]])
    copy = tl.prunable(model)
    assert np.array_equal(copy(x), model(x))
    assert len(copy.trainable_weights) == len(model.trainable_weights) == 3
    tl.prune(copy, 0.5)
    assert copy.layers[-1].to is copy.layers[1].layer
    assert len(tl.strip(copy).trainable_weights) == 3


def test_a_loss_that_speaks_of_the_original_is_refused_or_named(caplog):
    class Penalised(Applied):
        def build(self, input_shape):
            super().build(input_shape)
            self.add_loss(lambda: tf.reduce_sum(self.matrix))

    x = keras.Input((4,))
    with pytest.raises(ValueError, match=r"mine \(Penalised\) adds a loss by a function of its own weights"):
        tl.prunable(keras.Model(x, layers.Dense(2)(Penalised(tf.nn.relu, name="mine")(x))))
    dense = layers.Dense(2, name="here")
    model = keras.Model(x, dense(x))
    dense.add_loss(lambda: tf.reduce_sum(dense.kernel))
    assert len(tl.prunable(model).losses) == 0
    assert "add_loss is not copied, call add_loss again: here" in caplog.text


def test_a_layer_that_cannot_be_copied_is_refused_with_its_name():
    class Locked(layers.Layer):
        def __init__(self, lock, **kwargs):
            super().__init__(**kwargs)
            self.lock = lock

        def call(self, x):
            return x

    x = keras.Input((4,))
    with pytest.raises(ValueError, match=r"mine \(Locked\) cannot be copied: .*give the class a get_config"):
        tl.prunable(keras.Model(x, layers.Dense(2)(Locked((each for each in ()), name="mine")(x))))


def adapted(layer, data):
    layer.adapt(data)
    return layer


WORDS, NUMBERS = tf.constant([["a b"], ["a c"]]), tf.constant([[1], [5], [9], [9]])
LEARNT = {
    "mean and variance": lambda: (adapted(layers.Normalization(), X), tf.constant(X)),
    "words": lambda: (
        adapted(layers.TextVectorization(output_mode="tf_idf", pad_to_max_tokens=True, max_tokens=5), WORDS),
        WORDS,
    ),
    "numbers": lambda: (adapted(layers.IntegerLookup(output_mode="one_hot"), NUMBERS), NUMBERS),
    "borders": lambda: (adapted(layers.Discretization(num_bins=3, output_mode="one_hot"), X[:, :1]), X[:, :1]),
}


# tensorflow 2.21 itself, in Discretization.adapt: it hands NumPy arrays of its own.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("name", LEARNT)
def test_what_a_preprocessing_layer_learnt_is_kept(name):
    layer, x = LEARNT[name]()
    inputs = keras.Input(x.shape[1:], dtype=tf.as_dtype(x.dtype))
    model = keras.Model(inputs, layers.Dense(2)(layer(inputs)))
    copy = tl.prunable(model)
    assert np.array_equal(copy(x), model(x))
    assert np.array_equal(tl.strip(copy)(x), model(x))


def test_a_normalization_may_be_the_first_layer_of_a_sequential_model():
    model = keras.Sequential([adapted(layers.Normalization(), X), layers.Dense(2)])
    expected = model(X)
    assert np.array_equal(tl.prunable(model)(X), expected)
