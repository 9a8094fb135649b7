import logging as python_logging
import os
import subprocess
import sys

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers


def functional():
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, kernel_constraint=keras.constraints.MaxNorm(2.0))(image)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(4, 3)(x)
    x = layers.DepthwiseConv2D(2)(x)
    x = x + 1.0  # an operator: TF-MOT refuses the whole model for it
    return keras.Model(image, layers.Dense(5)(layers.Flatten()(x)))


def sequential():
    return keras.Sequential([layers.Dense(7, activation="relu", input_shape=(6,)), layers.Dense(3)])


def built_late():
    model = keras.Sequential([layers.Dense(7), layers.Dense(3)])
    model(np.zeros((2, 6), np.float32))
    return model


def nested():
    # The nested model's layers have the names of the outer's.
    inner = keras.Sequential([layers.Dense(4, name="one", input_shape=(6,)), layers.Dense(6, name="two")])
    x = keras.Input((6,))
    y = layers.Dense(6, name="one")(x)
    return keras.Model(x, layers.Dense(3, name="two")(inner(inner(y))))  # and it is shared


def shared():
    x = keras.Input((6,))
    layer = layers.Dense(6, activation="relu")
    return keras.Model(x, layers.Dense(2)(layer(layer(x))))


def recurrent():
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 6, mask_zero=True)(tokens)
    x = layers.LSTM(4, return_sequences=True)(x)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.LSTMCell(3)]))(x)
    return keras.Model(tokens, layers.Dense(2)(x))


def two_inputs():
    one, two = keras.Input((4,)), keras.Input((3,))
    x = layers.Concatenate()([layers.Dense(5)(one), two])
    return keras.Model([one, two], [layers.Dense(2)(x), x])


def mixed():
    x = keras.Input((8, 8, 2))
    y = layers.Conv2DTranspose(3, 2)(x)
    y = layers.LocallyConnected2D(2, 3)(y)
    return keras.Model(x, layers.Dense(3, dtype=keras.mixed_precision.Policy("mixed_bfloat16"))(layers.Flatten()(y)))


MODELS = [functional, sequential, built_late, nested, shared, recurrent, two_inputs, mixed]


def inputs_of(model):
    generator = np.random.default_rng(0)
    arrays = []
    for tensor in model.inputs:
        shape = (3, *tensor.shape[1:])
        integers = tensor.dtype.is_integer
        arrays.append(generator.integers(0, 20, shape) if integers else generator.normal(size=shape).astype(np.float32))
    return arrays if len(arrays) > 1 else arrays[0]


def outputs(model, inputs):
    return [np.asarray(output) for output in tf.nest.flatten(model(inputs))]


def same(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("make", MODELS)
def test_a_prunable_model_predicts_the_same_shares_nothing_and_strips_back(make):
    model = make()
    x = inputs_of(model)
    before = outputs(model, x)
    copy = tl.prunable(model)
    assert tl.density(copy) == 1
    assert same(outputs(copy, x), before)
    tl.prune(copy, 0.5)
    assert same(outputs(model, x), before)  # the model it came from is untouched
    pruned = outputs(copy, x)
    plain = tl.strip(copy)
    assert not [layer for layer in plain.layers if isinstance(layer, tl.Masked)]
    assert same(outputs(plain, x), pruned)
    tl.prune(copy, 0.2)
    assert same(outputs(plain, x), pruned)  # nor does the stripped one change


def test_every_kernel_that_tfmot_supports_is_held():
    names = {make.__name__: [name for name, _, _ in prunable_kernels(tl.prunable(make()))] for make in MODELS}
    assert [len(names[make.__name__]) for make in MODELS] == [3, 2, 2, 4, 2, 10, 2, 3]
    assert len(set(names["nested"])) == 4


def test_layers_can_be_excluded_and_an_unknown_name_is_answered():
    model = functional()
    last = model.layers[-1].name
    kept = [name for name, _, _ in prunable_kernels(tl.prunable(model, exclude=[last]))]
    assert not [name for name in kept if name.startswith(last)]
    with pytest.raises(ValueError, match=f"Did you mean '{last}'"):
        tl.prunable(model, exclude=[last + "x"])


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("one", ["outer/two", "inner/two"]),
        (["inner"], ["outer/one", "outer/two"]),
        (("inner/one",), ["outer/one", "inner/two", "outer/two"]),
        ({"inner/two", "one"}, ["outer/two"]),
    ],
)
def test_layers_in_models_in_it_are_excluded_by_name_path_or_model(exclude, left):
    one, two = (layers.Dense(4, name=name) for name in ("one", "two"))
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="one"), layers.Dense(4, name="two")], name="inner"
    )
    x = keras.Input((4,))
    copy = tl.prunable(keras.Model(x, two(inner(one(x)))), exclude=exclude)
    found = [f"{where}/{layer.name}" for where, model in (("outer", copy), ("inner", copy.get_layer("inner")))
             for layer in model.layers if isinstance(layer, tl.Masked)]  # fmt: skip
    assert sorted(found) == sorted(left)


def test_layers_that_cannot_be_pruned_stay_dense_and_are_named_once(caplog):
    x = keras.Input((4, 6))
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both_ways")(x)
    y = layers.TimeDistributed(layers.Dense(3), name="each_time")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    with caplog.at_level(python_logging.WARNING):
        copy = tl.prunable(model)
    told = [record.getMessage() for record in caplog.records if "left dense" in record.getMessage()]
    assert len(told) == 1
    assert "both_ways (Bidirectional), each_time (TimeDistributed)" in told[0]
    assert len(prunable_kernels(copy)) == 1


def test_a_compiled_model_stays_compiled_and_its_optimizer_goes_on():
    model = sequential()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    x, y = np.random.default_rng(0).normal(size=(40, 6)), np.zeros((40, 3))
    model.fit(x, y, epochs=2, verbose=0)
    copy = tl.prunable(model)
    assert copy.metrics_names == model.metrics_names or copy.optimizer is not None
    assert int(copy.optimizer.iterations) == int(model.optimizer.iterations) > 0
    for ours, theirs in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
        assert np.array_equal(ours.numpy(), theirs.numpy())
    for one in (model, copy):
        one.fit(x, y, epochs=1, shuffle=False, verbose=0)
    assert same(outputs(model, x), outputs(copy, x))


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("kind", ["Nadam", "Adafactor", "Ftrl", "SGD"])
def test_training_goes_on_alike_with_what_an_optimizer_keeps_beside_its_slots(kind, eagerly):
    model = sequential()
    model.compile(getattr(keras.optimizers, kind)(0.01), "mse", run_eagerly=eagerly)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 3))
    model.fit(x, y, epochs=2, verbose=0)
    copy = tl.prunable(model)
    for one in (model, copy):
        one.fit(x, y, epochs=2, shuffle=False, verbose=0)
    # Nadam's step, traced again, may be put together otherwise: to rounding.
    for ours, theirs in zip(outputs(model, x), outputs(copy, x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_subclassed_model_an_unbuilt_one_and_no_model_get_an_error_that_says_what_to_do():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    mine = Mine()
    mine(np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match=r"subclassed model.*functional"):
        tl.prunable(mine)
    with pytest.raises(ValueError, match="no weights yet"):
        tl.prunable(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(TypeError, match=r"expected a Keras model, got builtins\.int"):
        tl.prunable(3)
    with pytest.raises(ValueError, match=r"has no masks. Expected one that tf_lottery.prunable"):
        tl.prune(sequential(), 0.5)


def run(code, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_tf_lottery_imports_no_tensorflow_and_makes_tf_keras_the_keras_of_tensorflow():
    out = run(
        "import sys, tf_lottery as tl\n"
        "assert 'tensorflow' not in sys.modules and 'prunable' in dir(tl)\n"
        "import tensorflow as tf\n"
        "m = tl.prunable(tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))]))\n"
        "print(type(m).__module__.split('.')[0])"
    )
    assert out.strip() == "tf_keras"


def test_a_keras_3_model_gets_an_error_that_names_the_cure():
    out = run(
        "import tensorflow as tf\n"
        "m = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])\n"
        "import tf_lottery as tl\n"
        "try: tl.prunable(m)\n"
        "except TypeError as error: print(error)"
    )
    assert "Keras 3" in out
    assert "Import tf_lottery before TensorFlow" in out
    assert "TF_USE_LEGACY_KERAS=1" in out
