"""Which steps of a sequence count reaches every layer, wrapped or not, and the loss."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf, tfmot
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 1, 1, 1, 1]], np.int32)


class Mixed(layers.Layer, tfmot.sparsity.keras.PrunableLayer):
    """A user's layer that says itself what is prunable, and makes no use of a mask but to pass it on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.mixing = self.add_weight("mixing", (input_shape[-1], input_shape[-1]), constraint="max_norm")
        super().build(input_shape)

    def call(self, x):
        return tf.nn.relu(x @ self.mixing)

    def get_prunable_weights(self):
        return [self.mixing]


class Counted(layers.Layer):
    """Takes the mask itself, and does not pass it on."""

    def call(self, x, mask=None):
        return tf.reduce_sum(x * tf.cast(mask, x.dtype)[:, :, None], axis=1)


def of(*made):
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(8, 6, mask_zero=True)(tokens)
    for layer in made:
        x = layer(x)
    return keras.Model(tokens, x)


def dense():
    return of(layers.Dense(4, activation="relu"), layers.Dense(3))


def convolutions():
    return of(layers.Conv1D(4, 3, padding="same"), layers.SeparableConv1D(4, 3, padding="same"), layers.Dense(3))


def recurrent():
    return of(layers.SimpleRNN(3, return_sequences=True), layers.LSTM(4))


def cells():
    return of(layers.RNN([layers.LSTMCell(3), layers.GRUCell(3)], return_sequences=True), layers.Dense(2))


def users_own():
    return of(Mixed(), layers.Dense(4), Counted(), layers.Dense(2))


def nested():
    inner = keras.Sequential([layers.Embedding(8, 6, mask_zero=True, input_length=5), layers.Dense(4)])
    steps = keras.Input((5, 4))
    head = keras.Model(steps, layers.Dense(2)(layers.SimpleRNN(3, return_sequences=True)(steps)))
    tokens = keras.Input((5,), dtype="int32")
    return keras.Model(tokens, head(inner(tokens)))


def masking():
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Masking()(tf.cast(tokens, tf.float32)[:, :, None] * [1.0, 0.5])
    return keras.Model(tokens, layers.Dense(3)(x))


def translation():
    tokens = keras.Input((5,), dtype="int32")
    embed = layers.Embedding(8, 6, mask_zero=True)
    _, state = layers.SimpleRNN(4, return_state=True)(embed(tokens))
    x = layers.SimpleRNN(4, return_sequences=True)(embed(tokens), initial_state=[state])
    return keras.Model(tokens, layers.Dense(3)(x))


def attention():
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(8, 6, mask_zero=True)(tokens)
    y = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    y = layers.MultiHeadAttention(2, 3, value_dim=5)(y, value=x, key=x)
    return keras.Model(tokens, layers.Dense(3)(layers.LayerNormalization()(x + y)))


MODELS = {
    dense: 3, convolutions: 4, recurrent: 5, cells: 6, users_own: 4, nested: 5, masking: 1, translation: 6,
    attention: 10,
}  # fmt: skip


SLOW = {recurrent: pytest.mark.slow}  # Keras traces an LSTM several times


def loss(model):
    model.compile("sgd", "mse", run_eagerly=True)  # a loss is of the steps that count: Keras asks the output for them
    return model.evaluate(TOKENS, np.ones(model(TOKENS).shape, np.float32), verbose=0)


@pytest.mark.parametrize("make", [pytest.param(make, marks=SLOW.get(make, ())) for make in MODELS])
def test_predictions_and_losses_are_those_of_the_plain_model(make):
    model = make()
    copy = tl.prunable(model)
    assert len(prunable_kernels(copy)) == MODELS[make]
    assert np.array_equal(copy(TOKENS), model(TOKENS))
    assert loss(copy) == loss(model)
    tl.prune(copy, 0.5)
    plain = tl.strip(copy)
    assert np.array_equal(plain(TOKENS), copy(TOKENS))
    assert loss(plain) == loss(copy)


@pytest.mark.parametrize("make", [dense, nested])
def test_the_loss_is_the_mean_over_the_steps_that_count(make):
    model = tl.prunable(make())
    each = np.mean((model(TOKENS).numpy() - 1) ** 2, axis=-1)
    assert loss(model) == pytest.approx(each[TOKENS != 0].mean(), rel=1e-6)  # float32, added up in another order
    assert loss(model) != pytest.approx(each.mean(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize(
    ("make", "ending"), [(convolutions, ".keras"), (cells, ".h5"), (attention, ".keras"), (attention, ".h5")]
)
def test_a_saved_model_has_them_too(make, ending, tmp_path):
    model = tl.prunable(make())
    tl.prune(model, 0.5)
    model.save(tmp_path / f"model{ending}")
    loaded = keras.models.load_model(tmp_path / f"model{ending}")
    assert tl.masks(loaded).keys() == tl.masks(model).keys()
    assert tl.density(loaded) == tl.density(model)
    assert np.array_equal(loaded(TOKENS), model(TOKENS))
    assert loss(loaded) == loss(model)
