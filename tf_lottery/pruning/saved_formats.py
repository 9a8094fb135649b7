"""The formats that a model can be exported in: how each is written, and read again to predict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.lookup import lookup
from tf_lottery.pruning.predictions import Predictions, as_arrays, predictions

Predict = Callable[[Any], Predictions]
Call = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to save a model."""

    ways: tuple[Callable[[Any, Path], None], ...]  # to write it: the next if what the one before wrote predicts wrongly
    # From the path, the model that was written, and the custom objects that Keras must be told of.
    read: Callable[[Path, Any, Mapping[str, Any]], Predict]
    # From the path, the model that was written, the custom objects and inputs: a call that predicts them, to be timed.
    call: Callable[[Path, Any, Mapping[str, Any], Any], Call]
    cure: str  # what to do if it does not work
    distance: int = 1  # how many times as far its sums may be from those of TensorFlow
    least_tolerance: float = 0.0  # how far it may be in any case, of an output's largest value
    is_folder: bool = False


def format_of(path: Path, quantize: str | None = None, calibration: Any = None) -> Format:
    """Return the format that a path's ending stands for.

    Args:
        path: Where the model will be.
        quantize: A row of QUANTIZED, or None.
        calibration: For int8: inputs as `predict` takes them, of all that the model may meet.

    Raises:
        TypeError: `quantize` is no text.
        ValueError: No such format, another one than .tflite for `quantize`, or int8 without `calibration`.
    """
    if path.suffix not in FORMATS:
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; expected NAME.keras, NAME.h5, NAME.tflite, or a name without a "
            "dot for a SavedModel folder. Give another name."
        )
    if quantize is None:
        return FORMATS[path.suffix]
    if not isinstance(quantize, str):
        raise TypeError(
            f"quantize is {quantize!r} ({type(quantize).__name__}); expected one of {', '.join(QUANTIZED)}."
        )
    row = lookup("quantize", QUANTIZED, quantize)
    if path.suffix != ".tflite":
        raise ValueError(f"quantize={quantize!r} with {path.name}: only TFLite has it. Expected NAME.tflite.")
    if (calibration is None) is row.is_calibrated:
        wants = "expected calibration=, some hundred inputs of the training data, by which ranges are found"
        raise ValueError(
            f"quantize={quantize!r} without calibration: {wants}."
            if row.is_calibrated
            else f"calibration with quantize={quantize!r}: expected none; int8 alone takes it. Leave it out."
        )
    return replace(
        FORMATS[".tflite"],
        ways=(lambda model, path: _write_lite(model, path, partial(row.ask, inputs=calibration, model=model)),),
        least_tolerance=row.tolerance,
    )


def write_keras(model: Any, path: Path) -> None:
    """Write .keras, .h5 or a SavedModel, as the path ends."""
    with _quietly():
        model.save(path)


def _read_keras(path: Path, model: Any, custom_objects: Mapping[str, Any]) -> Predict:
    del model
    # What was written a moment ago is trusted: `safe_mode` refuses lambdas in files from elsewhere.
    with _quietly(), keras.saving.custom_object_scope(dict(custom_objects)):
        loaded = keras.models.load_model(path, compile=False, safe_mode=False)
    return lambda inputs: predictions(loaded, inputs)


def _write_sparse_lite(model: Any, path: Path) -> None:
    """Convert, zeros left out; TensorFlow 2.21 writes small kernels so that they predict wrongly."""

    def ask(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]

    _write_lite(model, path, ask)


def write_plain_lite(model: Any, path: Path) -> None:
    """Write .tflite with every weight as it is."""
    _write_lite(model, path, lambda converter: None)


def _write_lite(model: Any, path: Path, ask: Callable[[Any], None]) -> None:
    if not all(isinstance(tensor.type_spec, tf.TensorSpec) for tensor in model.inputs):
        raise ValueError("TFLite knows no ragged or sparse inputs")
    try:
        content = _converted(model, ask, batch=None)
    except Exception:  # noqa: BLE001 - the converter raises several kinds, some of them Exception itself
        # Loops, as of LSTM and GRU, convert only if the batch size is fixed.
        content = _converted(model, ask, batch=1)
    path.write_bytes(content)


def _ask_float16(converter: Any, *, model: Any, inputs: Any) -> None:
    del model, inputs
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _ask_dynamic_int8(converter: Any, *, model: Any, inputs: Any) -> None:
    del model, inputs
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _ask_int8(converter: Any, *, model: Any, inputs: Any) -> None:
    named = _named(model, inputs)

    def one_by_one() -> Iterator[dict[str, Any]]:
        for index in range(len(next(iter(named.values())))):
            yield {name: each[index : index + 1] for name, each in named.items()}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = one_by_one
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]


def _converted(model: Any, ask: Callable[[Any], None], *, batch: int | None) -> bytes:
    specs = {
        name: tf.TensorSpec((tensor.shape[0] or batch, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    }

    def by_name(**inputs: Any) -> dict[str, Any]:
        structured = tf.nest.pack_sequence_as(model.input, [inputs[name] for name in specs])
        outputs = tf.nest.flatten(model(structured, training=False))
        return dict(zip(model.output_names, outputs, strict=True))

    function = tf.function(by_name, autograph=False).get_concrete_function(**specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    ask(converter)
    return bytes(converter.convert())


def _read_lite(path: Path, model: Any, custom_objects: Mapping[str, Any]) -> Predict:
    del custom_objects

    def runner() -> Any:
        with _quietly():
            return tf.lite.Interpreter(model_path=str(path)).get_signature_runner()

    inputs_of = runner().get_input_details()
    one_by_one = {details["shape_signature"][0] for details in inputs_of.values()} == {1}

    def predict(inputs: Any) -> Predictions:
        named = _named(model, inputs)
        examples = len(next(iter(named.values())))
        parts = [{name: each[i : i + 1] for name, each in named.items()} for i in range(examples)]
        # Each in an interpreter of its own: TFLite's LSTM goes on from the state of the run before.
        got = [runner()(**part) for part in (parts if one_by_one else [named])]
        return as_arrays([np.concatenate([part[name] for part in got]) for name in model.output_names])

    return predict


def _call_keras(path: Path, model: Any, custom_objects: Mapping[str, Any], inputs: Any) -> Call:
    del path, custom_objects  # what was saved is the model
    predict = tf.function(lambda given: model(given, training=False), autograph=False)
    return lambda: predict(inputs)


def _call_lite(path: Path, model: Any, custom_objects: Mapping[str, Any], inputs: Any) -> Call:
    del custom_objects
    with _quietly():
        runner = tf.lite.Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    named = _named(model, inputs)
    return lambda: runner(**named)


def _named(model: Any, inputs: Any) -> dict[str, Any]:
    """Return the inputs by the names of the model's inputs, in their dtypes."""
    by_name = isinstance(inputs, dict) and not isinstance(model.input, dict)
    flat = [inputs[name] for name in model.input_names] if by_name else tf.nest.flatten(inputs)
    return {
        name: np.asarray(tf.cast(each, tensor.dtype))
        for name, tensor, each in zip(model.input_names, model.inputs, flat, strict=True)
    }


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out what Keras and TensorFlow say of formats on their way out: who asks for one gets it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
        yield


_REBUILT = (
    "Does each layer's get_config say all that the layer needs? A Lambda layer knows no names from outside of its "
    "function, once it is loaded: write it as a registered layer."
)
_KERAS = Format(ways=(write_keras,), read=_read_keras, call=_call_keras, cure=_REBUILT)
_H5 = replace(_KERAS, cure=f"Save NAME.keras, which holds more. {_REBUILT}")
FORMATS: Mapping[str, Format] = {
    ".keras": _KERAS,
    ".h5": _H5,
    ".hdf5": _H5,
    "": replace(_KERAS, is_folder=True),
    ".tflite": Format(
        ways=(_write_sparse_lite, write_plain_lite),
        read=_read_lite,
        call=_call_lite,
        cure="Save a folder, and convert that with tf.lite.TFLiteConverter's own options.",
        distance=10,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """One way for TFLite to store numbers with fewer bits; inputs and outputs stay floats."""

    ask: Callable[..., None]  # (converter, model=, inputs=)
    # Of an output's largest value; beyond, it is no rounding any more of 11 or 8 bits through some tens of layers.
    tolerance: float
    is_calibrated: bool = False
    meaning: str


QUANTIZED: Mapping[str, Quantized] = {
    "float16": Quantized(ask=_ask_float16, tolerance=0.02, meaning="weights in half precision"),
    "dynamic_int8": Quantized(
        ask=_ask_dynamic_int8, tolerance=0.25, meaning="weights in 8 bits, activations by the range of each call"
    ),
    "int8": Quantized(
        ask=_ask_int8, tolerance=0.25, is_calibrated=True, meaning="weights and activations in 8 bits, by examples"
    ),
}
