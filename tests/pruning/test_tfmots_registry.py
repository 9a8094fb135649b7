"""What TF-MOT prunes, we prune: by its own table of layers, so that a row more in it is a case more here."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf, tfmot, tfmot_wrapper
from tf_lottery.pruning.kernels import has_kernels
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
REGISTRY = tfmot_wrapper.prune_registry.PruneRegistry
WITH_KERNELS = {kind for kind, weights in REGISTRY._LAYERS_WEIGHTS_MAP.items() if weights}
SEQUENCE, IMAGE, VOLUME = (4, 3), (6, 6, 2), (5, 5, 5, 2)
CASES = {
    layers.Dense: (lambda: layers.Dense(3), (4,)),
    layers.Conv1D: (lambda: layers.Conv1D(2, 2), SEQUENCE),
    layers.Conv2D: (lambda: layers.Conv2D(2, 3), IMAGE),
    layers.Conv2DTranspose: (lambda: layers.Conv2DTranspose(2, 3), IMAGE),
    layers.Conv3D: (lambda: layers.Conv3D(2, 3), VOLUME),
    layers.Conv3DTranspose: (lambda: layers.Conv3DTranspose(2, 3), VOLUME),
    layers.SeparableConv1D: (lambda: layers.SeparableConv1D(2, 2), SEQUENCE),
    layers.SeparableConv2D: (lambda: layers.SeparableConv2D(2, 3), IMAGE),
    layers.Embedding: (lambda: layers.Embedding(8, 3), (4,)),
    layers.LocallyConnected1D: (lambda: layers.LocallyConnected1D(2, 2), SEQUENCE),
    layers.LocallyConnected2D: (lambda: layers.LocallyConnected2D(2, 3), IMAGE),
    layers.MultiHeadAttention: (lambda: layers.MultiHeadAttention(2, 3), SEQUENCE),
}
RECURRENT = {
    layers.GRU: lambda: layers.GRU(2),
    layers.LSTM: lambda: layers.LSTM(2),
    layers.SimpleRNN: lambda: layers.SimpleRNN(2),
    layers.RNN: lambda: layers.RNN([kind(2) for kind in (layers.GRUCell, layers.LSTMCell, layers.SimpleRNNCell)]),
}


def model_of(layer, shape):
    x = keras.Input(shape)
    return keras.Model(x, layer(x, x) if isinstance(layer, layers.MultiHeadAttention) else layer(x))


def test_every_row_of_tfmots_table_is_a_case():
    assert CASES.keys() == WITH_KERNELS
    assert RECURRENT.keys() == REGISTRY._RNN_LAYERS


@pytest.mark.parametrize(
    ("make", "shape"),
    [*CASES.values(), *((make, SEQUENCE) for make in RECURRENT.values())],
    ids=lambda value: "" if isinstance(value, tuple) else "case",
)
def test_the_same_weights_are_prunable_and_held(make, shape):
    model = model_of(make(), shape)
    ours = tl.prunable(model)
    stock = tfmot.sparsity.keras.prune_low_magnitude(model)
    theirs = [weight for layer in stock.layers for weight, _, _ in getattr(layer, "pruning_vars", ())]
    kernels = prunable_kernels(ours)
    assert [weight.shape for _, weight, _ in kernels] == [weight.shape for weight in theirs]
    assert [name for name, _, _ in kernels] == [weight.name.removesuffix(":0") for weight in theirs]
    tl.prune(ours, 0.5)
    weights = [weight for _, weight, _ in kernels]
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.apply_gradients([(tf.ones_like(weight), weight) for weight in weights])
    for _, weight, mask in kernels:
        assert np.array_equal(weight.numpy() != 0, mask.numpy() != 0)


def test_the_other_rows_have_nothing_to_prune():
    rest = [kind for kind in REGISTRY._LAYERS_WEIGHTS_MAP if kind not in WITH_KERNELS and kind in vars(layers).values()]
    assert len(rest) > 40
    for kind in rest:
        assert not has_kernels(kind.__new__(kind)), kind


def test_a_subclass_of_a_layer_in_the_table_stays_dense_as_under_tfmot():
    class Mine(layers.Dense):
        pass

    assert not REGISTRY.supports(Mine(2))
    assert not has_kernels(Mine(2))


def test_a_model_that_tfmot_pruned_is_taken_with_its_masks(caplog):
    stock = tfmot.sparsity.keras.prune_low_magnitude(
        keras.Sequential([layers.Dense(8, input_shape=(4,), name="a"), layers.BatchNormalization(), layers.Dense(2)]),
        tfmot.sparsity.keras.ConstantSparsity(0.75, 0, frequency=1),
    )
    x, y = np.ones((16, 4), np.float32), {stock.output_names[0]: np.zeros((16, 2), np.float32)}
    stock.compile(keras.optimizers.SGD(0.1, momentum=0.9), {stock.output_names[0]: "mse"})
    stock.fit(x, y, epochs=2, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()], verbose=0)
    copy = tl.prunable(stock)
    assert "its schedules are not" in caplog.text
    assert tl.density(copy) == 0.25
    assert np.array_equal(copy(x), stock(x))
    assert copy.output_names == stock.output_names
    copy.fit(x, y, verbose=0)
    for _, weight, mask in prunable_kernels(copy):
        assert not weight.numpy()[mask.numpy() == 0].any()
    plain = tl.strip(stock)
    assert np.array_equal(plain(x), stock(x))
    assert plain.layers[0].name == "a"
