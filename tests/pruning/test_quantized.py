"""TFLite files with fewer bits: what is in them, read by TFLite's own interpreter, and what is refused."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.export import ExportError

layers = keras.layers
STORED = {"float16": np.float16, "dynamic_int8": np.int8, "int8": np.int8}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = [layers.Conv2D(32, 3, activation="relu", input_shape=(8, 8, 3)), layers.Flatten(), layers.Dense(10)]
    made = tl.prunable(keras.Sequential(made))
    tl.prune(made, 0.5)
    return made


@pytest.mark.parametrize("quantize", STORED)
def test_a_quantized_file_holds_fewer_bits_and_predicts_nearly_the_same(model, images, tmp_path, quantize):
    path = tmp_path / "small.tflite"
    calibration = images if quantize == "int8" else None
    report = tl.export(model, path, inputs=images, quantize=quantize, calibration=calibration)
    reader = tf.lite.Interpreter(str(path))
    kernels = [each for each in reader.get_tensor_details() if np.prod(each["shape"]) == 36 * 32 * 10]
    assert STORED[quantize] in {each["dtype"] for each in kernels}
    bits = np.dtype(STORED[quantize]).itemsize * 8
    assert report.after.bytes == path.stat().st_size < bits / 32 * 4 * report.after.parameters + 10_000
    run = reader.get_signature_runner()
    (got,) = run(**{model.input_names[0]: images}).values()
    assert got.dtype == np.float32
    expected = model.predict(images, verbose=0)
    assert report.largest_difference == pytest.approx(np.abs(got - expected).max(), rel=1e-3)
    assert 0 < report.largest_difference < {16: 0.005, 8: 0.1}[bits] * np.abs(expected).max()
    same = np.mean(got.argmax(1) == expected.argmax(1))
    assert report.same_choice == pytest.approx(same)
    assert f"in {same:.1%} of examples the same output is the largest" in str(report)


def test_ranges_of_int8_come_from_the_calibration(model, images, tmp_path):
    """Of inputs a hundred times as large as those of the calibration, little is left."""
    with pytest.raises(ExportError, match=r"predicts 'dense.*' otherwise, by up to"):
        tl.export(model, tmp_path / "small.tflite", inputs=100 * images, quantize="int8", calibration=images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("quantize", "first"), [("float16", 1), ("dynamic_int8", 0)])
def test_a_model_that_fewer_bits_cannot_hold_is_refused(tmp_path, quantize, first):
    """The largest number of float16 is 65,504; and a kernel with 1e7 in it has no 1 in 8 bits."""
    made = keras.Sequential([layers.Dense(64, use_bias=False, input_shape=(64,))])
    kernel = np.eye(64)
    kernel[0] = 1e7
    made.set_weights([kernel])
    inputs = np.ones((2, 64), np.float32)
    inputs[:, 0] = first
    with pytest.raises(ExportError, match=r"what was saved predicts 'dense.*' otherwise"):
        tl.export(made, tmp_path / "small.tflite", inputs=inputs, quantize=quantize)


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "message"),
    [
        ("a.keras", {"quantize": "int8"}, ValueError, "with a.keras: only TFLite has it. Expected NAME.tflite."),
        ("a.tflite", {"quantize": "int4"}, ValueError, "unknown quantize 'int4'. Did you mean 'int8'?"),
        ("a.tflite", {"quantize": 8}, TypeError, r"quantize is 8 \(int\); expected one of float16"),
        ("a.tflite", {"quantize": "int8"}, ValueError, "without calibration: expected calibration=, some hundred"),
        ("a.tflite", {"quantize": "float16", "calibration": np.ones(3)}, ValueError, "int8 alone takes it. Leave it"),
        ("a.tflite", {"quantize": "int8", "calibration": np.ones((2, 3))}, ValueError, "calibration: the model cannot"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(model, tmp_path, name, arguments, kind, message):
    with pytest.raises(kind, match=message):
        tl.export(model, tmp_path / name, **arguments)
    assert not list(tmp_path.iterdir())
