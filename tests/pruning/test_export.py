import errno
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.export import ExportError
from tf_lottery.pruning.flops import parameters

layers = keras.layers
ENDINGS = ["small.keras", "small.h5", "small"]


@pytest.fixture(scope="module")
def model():
    made = keras.Sequential([layers.Dense(300, activation="relu", input_shape=(64,)), layers.Dense(10)])
    made = tl.prunable(made)
    made.compile("adam", "mse")
    made.fit(np.random.default_rng(0).normal(size=(64, 64)), np.zeros((64, 10)), verbose=0)
    tl.prune(made, 0.05)
    return made


@pytest.mark.parametrize("name", ENDINGS)
def test_an_exported_model_is_plain_smaller_and_the_same(model, tmp_path, capsys, name):
    report = tl.export(model, tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    loaded = keras.models.load_model(tmp_path / name)
    x = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert not hasattr(loaded.layers[0], "pruning_vars")
    total = 64 * 300 + 300 + 3000 + 10
    assert report.before.parameters == report.after.parameters == total
    assert report.after.nonzero_parameters == parameters(model).nonzero < 0.1 * total
    assert report.after.bytes < report.before.bytes
    assert report.after.compressed_bytes < 0.35 * report.after.bytes
    printed = capsys.readouterr().out
    for words in ("parameters", "nonzero parameters", "bytes", "compressed bytes", "before", "after"):
        assert words in printed
    assert f"{report.after.compressed_bytes:,}" in printed
    assert printed.endswith(f"load it with keras.models.load_model({str(tmp_path / name)!r})\n")


class Unsaved(keras.optimizers.SGD):
    """An optimizer of somebody's own, with which no format holds the model."""

    def get_config(self):
        raise NotImplementedError


def test_before_is_the_sum_of_all_variables_where_no_format_holds_the_model_with_its_optimizer(tmp_path):
    made = tl.prunable(keras.Sequential([layers.Dense(4, input_shape=(3,))]))
    made.compile(Unsaved(0.1), "mse")
    tl.prune(made, 0.5)
    before = tl.export(made, tmp_path / "small.h5").before  # which is tried, and then .keras, and a folder
    assert before.bytes == sum(variable.numpy().nbytes for variable in made.variables)
    assert (before.parameters, before.nonzero_parameters) == (3 * 4 + 4, 6)
    assert [each.name for each in tmp_path.iterdir()] == ["small.h5"]


def test_a_tflite_file_is_sparse_and_predicts_the_same(model, tmp_path):
    report = tl.export(model, tmp_path / "small.tflite")
    assert report.after.bytes < 0.2 * 4 * report.after.parameters
    run = tf.lite.Interpreter(str(tmp_path / "small.tflite")).get_signature_runner()
    x = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    (got,) = run(**{model.input_names[0]: x}).values()
    expected = model.predict(x, verbose=0)
    # Other kernels take sums in another order.
    assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_kernel_that_tflite_writes_wrongly_as_sparse_is_written_plainly(tmp_path):
    made = keras.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])
    kernels = [np.array([[1, 0, 2, 0], [0, 3, 0, -1], [-2, 0, 0, 1]]), np.array([[1, 0], [0, 2], [0, -3], [4, 0]])]
    made.set_weights([kernels[0], np.zeros(4), kernels[1], np.zeros(2)])
    tl.export(made, tmp_path / "small.tflite")
    run = tf.lite.Interpreter(str(tmp_path / "small.tflite")).get_signature_runner()
    x = np.array([[1, 2, 3], [-1, 1, -2]], np.float32)
    (got,) = run(**{made.input_names[0]: x}).values()
    assert np.array_equal(got, np.maximum(x @ kernels[0], 0) @ kernels[1])


@pytest.mark.slow  # the converter takes its time over loops
def test_a_recurrent_tflite_file_has_a_batch_size_of_1(tmp_path):
    made = keras.Sequential([layers.LSTM(4, input_shape=(5, 3)), layers.Dense(2)])
    tl.export(made, tmp_path / "small.tflite")
    x = np.random.default_rng(1).normal(size=(1, 5, 3)).astype(np.float32)
    run = tf.lite.Interpreter(str(tmp_path / "small.tflite")).get_signature_runner()
    (got,) = run(**{made.input_names[0]: x}).values()
    assert np.allclose(got, made.predict(x, verbose=0), rtol=1e-4)  # as above


class Scaled(layers.Layer):
    """A layer that Keras is not told of."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[-1], shape[-1]))

    def call(self, x):
        return self.factor * x @ self.kernel

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def embedded():
    return keras.Sequential([layers.Embedding(5, 4, input_length=6), layers.Flatten(), layers.Dense(2)])


def embedded_behind():
    x, y = keras.Input((4,), dtype="int32", name="x"), keras.Input((3,), name="y")
    inner = keras.Input((2, 2))
    inner = keras.Model(inner, layers.Flatten()(layers.Embedding(3, 2)(inner)))
    read = inner(layers.Reshape((2, 2))(layers.Lambda(lambda ids: ids % 3)(x)))
    return keras.Model({"x": x, "y": y}, {"a": layers.Dense(2)(read), "b": layers.Dense(1)(y)})


def shifted():
    shift = layers.Lambda(lambda ids: ids + 3)
    embed = [layers.Embedding(5, 2), layers.Flatten()]
    return keras.Sequential([keras.Input((4,), dtype="int64"), shift, *embed, layers.Dense(2)])


def texts():
    read = layers.TextVectorization(max_tokens=9, output_sequence_length=4)
    read.adapt(["a b c", "d e f"])
    pooled = [layers.Embedding(9, 3), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((1,), dtype="string"), read, *pooled])


def vocabulary():
    x, y = keras.Input((2,), dtype="string"), keras.Input((1,), dtype="int64")
    words = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)(x)
    years = layers.IntegerLookup(vocabulary=[1990, 2001], num_oov_indices=0)(y)
    read = [layers.Flatten()(layers.Embedding(2, 2)(ids)) for ids in (words, years)]
    return keras.Model([x, y], layers.Dense(2)(layers.Concatenate()(read)))


def large_strides():
    convolved = [layers.Conv2D(2, 7, strides=4), layers.MaxPooling2D(4), layers.Conv2D(2, 3)]
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((None, None, 3)), *convolved, *ends])


def augmented():
    noisy = [layers.RandomFlip(), layers.RandomRotation(0.2), layers.GaussianNoise(1.0), layers.Dropout(0.5)]
    return keras.Sequential([keras.Input((6, 6, 3)), *noisy, layers.Flatten(), layers.Dense(2)])


def always_dropping():
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(2)(layers.Dropout(0.5)(layers.Dense(8)(x), training=True)))


def without_numbers():
    x = keras.Input((3,))
    return keras.Model(x, tf.math.log(layers.Dense(4)(x)))


def infinite():
    x = keras.Input((3,))
    return keras.Model(x, layers.Dense(4)(x) / 0.0)


def half_precision():
    first = layers.Dense(64, dtype=keras.mixed_precision.Policy("mixed_bfloat16"))
    second = layers.Dense(8, dtype=keras.mixed_precision.Policy("mixed_float16"))
    return keras.Sequential([keras.Input((30,)), first, second])


def whole_numbers():
    x = keras.Input((3,))
    return keras.Model(x, tf.argmax(layers.Dense(4)(x), -1))


def words():
    x = keras.Input((3,))
    return keras.Model(x, tf.strings.as_string(layers.Dense(2)(x), precision=3))


def ragged_and_sparse():
    x, y = keras.Input((None,), ragged=True, dtype="int64"), keras.Input((5,), sparse=True)
    read = layers.GlobalAveragePooling1D()(layers.Embedding(4, 3)(x))
    return keras.Model([x, y], layers.Dense(2)(layers.Concatenate()([read, layers.Dense(2)(y)])))


def recurrent():
    cells = layers.RNN([layers.LSTMCell(3), layers.SimpleRNNCell(2)])
    return keras.Sequential([keras.Input((4, 3)), layers.GRU(4, return_sequences=True), cells])


def stateful():
    return keras.Sequential([layers.LSTM(4, stateful=True, batch_input_shape=(3, 5, 2)), layers.Dense(2)])


def unregistered():
    return keras.Sequential([keras.Input((3,)), Scaled(), layers.Dense(2)])


def shared_and_frozen():
    a, b = keras.Input((3,)), keras.Input((3,))
    shared = layers.Dense(4, trainable=False)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    return keras.Model([a, [b]], [shared(a), inner(shared(b)), inner(shared(a))])


def tiny():
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, kernel_initializer=keras.initializers.Constant(1e-9))])


GOOD = [
    embedded, embedded_behind, shifted, texts, vocabulary, large_strides, augmented, always_dropping, without_numbers,
    infinite, half_precision, whole_numbers, words, ragged_and_sparse, recurrent, unregistered,
    shared_and_frozen, tiny,
]  # fmt: skip


@pytest.mark.parametrize("make", GOOD)
def test_a_good_model_is_exported_as_keras(tmp_path, make):
    made = tl.prunable(make())
    made.compile("sgd", "mse")
    tl.prune(made, 0.5)
    assert tl.export(made, tmp_path / "small.keras").largest_difference == 0
    assert [each.name for each in tmp_path.iterdir()] == ["small.keras"]


# Keras takes long to save recurrent layers as a SavedModel.
@pytest.mark.parametrize(
    ("make", "name"),
    [(recurrent, "small.h5"), (embedded_behind, "small.h5"), (shared_and_frozen, "small.h5"), (unregistered, "small")],
)
def test_a_good_model_is_exported_as_h5_and_as_a_folder(tmp_path, make, name):
    made = tl.prunable(make())
    made.compile("sgd", "mse")
    tl.prune(made, 0.5)
    assert tl.export(made, tmp_path / name).largest_difference == 0
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_an_exported_model_loads_where_tf_lottery_is_not_known_as_the_report_says(tmp_path):
    x = keras.Input((3,))
    bent = layers.Lambda(lambda x: x * 2)(layers.Dense(3, activation="relu")(x))
    made = tl.prunable(keras.Model(x, layers.Dense(2)(Scaled()(bent))))
    reports = [tl.export(made, tmp_path / name) for name in ENDINGS]
    assert "custom_objects={'Scaled': Scaled}" in reports[0].loading
    assert reports[0].loading.endswith("safe_mode=False)")
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    np.savez(tmp_path / "expected.npz", x=x, y=made(x))
    code = (
        "import sys, numpy as np, tf_keras as keras\n"
        "layers = keras.layers\n"
        f"{inspect.getsource(Scaled)}\n"
        f"data = np.load({str(tmp_path / 'expected.npz')!r})\n"
        f"for loaded in ({', '.join(report.loading for report in reports)}):\n"
        "    assert np.array_equal(loaded(data['x']), data['y'])\n"
        "    assert len(loaded.weights) == 5\n"
        "assert not any(name.startswith('tf_lottery') for name in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Forgets(layers.Dense):
    """Multiplies by a number that its configuration leaves out."""

    factor = 1.0

    def call(self, x):
        return super().call(x) * self.factor


def forgetful(scale):
    made = keras.Sequential([layers.Dense(4, input_shape=(3,)), Forgets(2)])
    model = tl.prunable(made)
    model.set_weights([scale * weight for weight in model.get_weights()])
    model.layers[-1].factor = 3.0
    return model


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("name", ENDINGS)
def test_an_export_that_predicts_otherwise_is_an_error_and_leaves_what_was_there(model, tmp_path, scale, name):
    keras.utils.get_custom_objects()["Forgets"] = Forgets
    with pytest.raises(ExportError, match=r"predicts 'forgets.*' otherwise"):
        tl.export(forgetful(scale), tmp_path / name)
    assert not list(tmp_path.iterdir())
    if scale == 1:
        tl.export(model, tmp_path / name)
        before = contents(tmp_path)
        with pytest.raises(ExportError):
            tl.export(forgetful(scale), tmp_path / name)
        assert contents(tmp_path) == before


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_export_that_the_disk_has_no_room_for_leaves_what_was_there(model, tmp_path, monkeypatch):
    (tmp_path / "small.h5").write_bytes(b"older")

    def full(self, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(OSError, match=r"small.h5 cannot be written \(.*No space left on device.*\); expected room"):
        tl.export(model, tmp_path / "small.h5")
    assert contents(tmp_path) == {tmp_path / "small.h5": b"older"}


def test_an_older_export_is_replaced(tmp_path):
    small = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    large = keras.Sequential([layers.Dense(5, input_shape=(3,))])
    for name in ("small.keras", "small"):
        tl.export(small, tmp_path / name)
        tl.export(large, tmp_path / name)
        assert keras.models.load_model(tmp_path / name).output_shape == (None, 5)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["small", "small.keras"]


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("nowhere/small.keras", FileNotFoundError, "there is no folder .*nowhere; expected one"),
        ("file/small.keras", NotADirectoryError, "file is a file; expected a folder"),
        ("folder.keras", IsADirectoryError, "is a folder; expected the name of a file"),
        ("file", FileExistsError, "is a file; expected a new folder"),
        ("mine", FileExistsError, "holds 'notes.txt', which is no part of a SavedModel"),
        ("/proc/self/small.keras", OSError, "cannot be written .*expected a folder that can"),
        ("small.onnx", ValueError, "ends in '.onnx'; expected NAME.keras, NAME.h5, NAME.tflite"),
        (3, TypeError, r"path is 3 \(int\); expected a path"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_an_error_in_a_sentence(model, tmp_path, place, error, message):
    for folder in ("folder.keras", "mine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("older")
    before = contents(tmp_path)
    with pytest.raises(error, match=message):
        tl.export(model, tmp_path / place if isinstance(place, str) else place)
    assert contents(tmp_path) == before


def test_what_a_format_cannot_hold_is_an_error_in_a_sentence(tmp_path):
    for name, message in (("small.h5", "Save NAME.keras"), ("small.tflite", "Save a folder")):
        with pytest.raises(ExportError, match=rf"{name}: this format cannot hold the model \(.*\). {message}"):
            tl.export(texts(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_inputs_of_ones_own_are_compared_on(model, tmp_path):
    made = keras.Sequential([keras.Input((1,), dtype="string"), layers.Lambda(decoded), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"takes no random inputs \(.*Give a batch of your own: .*inputs="):
        tl.export(made, tmp_path / "small.keras")
    tl.export(made, tmp_path / "small.keras", inputs=tf.constant([["1.5"], ["2.5"]]))
    with pytest.raises(ValueError, match=r"inputs: the model cannot take them \(.*\). Expected arrays as for"):
        tl.export(model, tmp_path / "small.keras", inputs=np.zeros((2, 63)))
    with pytest.raises(TypeError, match="expected a Keras model"):
        tl.export("model", tmp_path / "small.keras")


def decoded(x):
    return tf.strings.to_number(x)


def test_exporting_leaves_the_model_and_its_states_as_they_were(tmp_path):
    made = tl.prunable(stateful())
    made.compile("sgd", "mse")
    made.predict(np.ones((3, 5, 2)), verbose=0)
    states = [state.numpy() for state in made.layers[0].layer.states]
    assert np.abs(states).max() > 0
    tl.export(made, tmp_path / "small.keras")
    assert np.array_equal(states, [state.numpy() for state in made.layers[0].layer.states])


@pytest.mark.parametrize("name", [*ENDINGS, "small.tflite"])
def test_a_shrunk_model_is_saved_with_fewer_channels_and_the_same(model, tmp_path, capsys, name):
    whole = tl.export(model, tmp_path / f"whole_{name}")
    report = tl.export(model, tmp_path / name, shrink=True)
    # Units that nothing reads: of 300, each is read by 10 weights, of which 1 in 20 is left.
    live = list(tl.masks(model).values())[1].any(axis=1).sum()
    assert report.after.parameters == 64 * live + live + live * 10 + 10 < whole.after.parameters
    assert report.after.bytes < whole.after.bytes
    assert report.shrunk.layers[0].after == live
    assert report.largest_difference < 1e-3
    assert capsys.readouterr().out.count("channels") == 1
