"""The formats that a model can be exported in: how each is written, and read again to predict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.predictions import Predictions, as_arrays, predictions

Predict = Callable[[Any], Predictions]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to save a model."""

    ways: tuple[Callable[[Any, Path], None], ...]  # to write it: the next if what the one before wrote predicts wrongly
    # From the path, the model that was written, and the custom objects that Keras must be told of.
    read: Callable[[Path, Any, Mapping[str, Any]], Predict]
    cure: str  # what to do if it does not work
    distance: int = 1  # how many times as far its sums may be from those of TensorFlow
    is_folder: bool = False


def format_of(path: Path) -> Format:
    """Return the format that a path's ending stands for.

    Raises:
        ValueError: None does.
    """
    if path.suffix not in FORMATS:
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; expected NAME.keras, NAME.h5, NAME.tflite, or a name without a "
            "dot for a SavedModel folder. Give another name."
        )
    return FORMATS[path.suffix]


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
    _write_lite(model, path, [tf.lite.Optimize.EXPERIMENTAL_SPARSITY])


def _write_plain_lite(model: Any, path: Path) -> None:
    _write_lite(model, path, [])


def _write_lite(model: Any, path: Path, optimizations: list[Any]) -> None:
    if not all(isinstance(tensor.type_spec, tf.TensorSpec) for tensor in model.inputs):
        raise ValueError("TFLite knows no ragged or sparse inputs")
    try:
        content = _converted(model, optimizations, batch=None)
    except Exception:  # noqa: BLE001 - the converter raises several kinds, some of them Exception itself
        # Loops, as of LSTM and GRU, convert only if the batch size is fixed.
        content = _converted(model, optimizations, batch=1)
    path.write_bytes(content)


def _converted(model: Any, optimizations: list[Any], *, batch: int | None) -> bytes:
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
    converter.optimizations = optimizations
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
_KERAS = Format(ways=(write_keras,), read=_read_keras, cure=_REBUILT)
_H5 = replace(_KERAS, cure=f"Save NAME.keras, which holds more. {_REBUILT}")
FORMATS: Mapping[str, Format] = {
    ".keras": _KERAS,
    ".h5": _H5,
    ".hdf5": _H5,
    "": replace(_KERAS, is_folder=True),
    ".tflite": Format(
        ways=(_write_sparse_lite, _write_plain_lite),
        read=_read_lite,
        cure="Save a folder, and convert that with tf.lite.TFLiteConverter's own options.",
        distance=10,
    ),
}
