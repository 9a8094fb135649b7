"""`export(model, path)`: save the stripped model, prove that it predicts the same, and say what was saved."""

from __future__ import annotations

import gzip
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.flops import parameters
from tf_lottery.pruning.predictions import Predictions, difference, largest, predictions, says_something
from tf_lottery.pruning.prunable import check_model
from tf_lottery.pruning.saved_formats import Format, Predict, format_of, write_keras
from tf_lottery.pruning.strip import strip
from tf_lottery.pruning.trial_inputs import trial_inputs
from tf_lottery.pruning.whole import beside, check_place

# Of the largest value of an output: sums may be taken in another order in another graph.
_TOLERANCE = 1e-5
# Where a layer computes in half precision, so many of its last digits (bfloat16 has 8 bits, float16 has 11).
_LAST_DIGITS = 4


class ExportError(Exception):
    """The model cannot be saved in this format, or what was saved does not predict what the model predicts."""


class _DiffersError(Exception):
    """In words: how what was saved differs."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a saved model is."""

    parameters: int
    nonzero_parameters: int
    bytes: int
    compressed_bytes: int  # gzip


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What `export` did; `print(report)` shows a table."""

    path: Path
    before: Size  # the prunable model with its masks and optimizer; as .keras where this format cannot hold these
    after: Size  # what was saved
    largest_difference: float  # between the predictions of both
    loading: str  # Python that loads it, with all that Keras must be told

    def __str__(self) -> str:
        head = f"{self.path}\n{'':20}{'before':>14}{'after':>14}"
        rows = [
            f"{name.replace('_', ' '):20}{getattr(self.before, name):>14,}{getattr(self.after, name):>14,}"
            for name in ("parameters", "nonzero_parameters", "bytes", "compressed_bytes")
        ]
        same = f"predictions of both differ by at most {self.largest_difference:.1e}"
        return "\n".join([head, *rows, same, f"load it with {self.loading}"])


def export(model: Any, path: str | Path, *, inputs: Any = None) -> ExportReport:
    """Save the model without masks and optimizer, as any Keras 2 installation loads it, and print the report.

    What was saved is loaded again, and both predict one batch at inference (`training=False`). Each output may differ
    by 1e-5 of its largest value (in half precision by 4 of the last digits, in .tflite by ten times as much); NaN and
    infinity are equal to themselves; integers and texts must be equal. A model that is random at inference is compared
    under one seed, for which TensorFlow's global seed is set. Nothing is left behind, and what was at `path` is still
    there, if anything is raised.

    Args:
        model: Of `prunable`.
        path: NAME.keras, NAME.h5, NAME.tflite, or a folder for a SavedModel; in an existing folder. TFLite stores
            zeros of dense and convolution kernels in its sparse format; recurrent models get a batch size of 1.
        inputs: One batch to compare on, as `predict` takes it; random numbers, ids and texts that fit if not given.

    Raises:
        ExportError: The model cannot be saved in this format, or is not the same when it is loaded again.
        TypeError, ValueError: No model that `prunable` returns, no path, an ending that is not among these, or inputs
            that the model cannot take.
        OSError: Nothing can be written at `path`.
    """
    check_model(model)
    path = arguments.path("path", path)
    form = format_of(path)
    check_place(path, folder=form.is_folder)
    small = strip(model)
    batch, expected = _first_that_works(model) if inputs is None else _taken(model, inputs)
    custom = _custom_objects(small)
    tolerance = form.distance * _tolerance(model)
    with beside(path) as written:
        for write in form.ways:
            try:
                predict = _saved(write, form, path, small, written, custom)
                most = _compared(model, predict, batch, expected, tolerance)
                break
            except _DiffersError as error:
                reason = str(error)
        else:
            raise ExportError(f"{path}: what was saved {reason}. Expected the same model again. {form.cure}")
        report = ExportReport(
            path=path,
            before=_size_before(model, written),
            after=_size(small, written),
            largest_difference=most,
            loading=_loading(small, path, custom),
        )
    print(report)  # noqa: T201 - this is what the caller asked for
    return report


def _first_that_works(model: Any) -> tuple[Any, Predictions]:
    """Return the first random batch that the model takes and says something of, and its predictions."""
    refusals, silent = [], []
    for batch in trial_inputs(model):
        try:
            outputs = predictions(model, batch)
        except Exception as error:  # noqa: BLE001 - a layer may raise anything
            refusals.append(_reason(error))
            continue
        if says_something(outputs):
            return batch, outputs
        silent.append((batch, outputs))
    if silent:
        return silent[-1]
    raise ValueError(
        f"{model.name} takes no random inputs ({refusals[0]}); expected some that it takes, to compare what is saved. "
        "Give a batch of your own: export(model, path, inputs=...)."
    )


def _taken(model: Any, inputs: Any) -> tuple[Any, Predictions]:
    try:
        return inputs, predictions(model, inputs)
    except Exception as error:
        raise ValueError(
            f"inputs: the model cannot take them ({_reason(error)}). Expected one batch, in arrays as for `predict`."
        ) from error


def _saved(write: Any, form: Format, path: Path, small: Any, written: Path, custom: Mapping[str, Any]) -> Predict:
    """Write the model and return the predictions of what was written."""
    try:
        write(small, written)
    except OSError as error:
        raise OSError(f"{path} cannot be written ({_reason(error)}); expected room for it. Make some.") from error
    except Exception as error:
        raise ExportError(f"{path}: this format cannot hold the model ({_reason(error)}). {form.cure}") from error
    try:
        return form.read(written, small, custom)
    except Exception as error:
        raise ExportError(f"{path}: what was saved cannot be loaded again ({_reason(error)}). {form.cure}") from error


def _compared(model: Any, predict: Predict, batch: Any, expected: Predictions, tolerance: float) -> float:
    """Return the largest difference of what was saved, or raise an error."""
    try:
        got = predict(batch)
        is_random = not _same(expected, got, tolerance) and not _same(expected, predictions(model, batch), tolerance)
        if is_random:
            tf.random.set_seed(0)
            expected = predictions(model, batch)
            tf.random.set_seed(0)
            got = predict(batch)
    except Exception as error:
        raise _DiffersError(f"cannot predict ({_reason(error)})") from error
    if len(expected) != len(got):
        raise _DiffersError(f"has {len(got)} outputs, not {len(expected)}")
    differences = [difference(one, other) for one, other in zip(expected, got, strict=True)]
    for i, gap in enumerate(differences):
        if not gap <= tolerance * largest(expected[i]):
            name = model.output_names[i] if len(expected) == len(model.output_names) else i
            numbers = f"by up to {gap:g}, more than {tolerance * largest(expected[i]):g}"
            reason = ", and the model is random at inference" if is_random else ""
            raise _DiffersError(f"predicts {name!r} otherwise, {numbers}{reason}")
    return max(differences, default=0.0)


def _same(expected: Predictions, got: Predictions, tolerance: float) -> bool:
    return len(expected) == len(got) and all(
        difference(one, other) <= tolerance * largest(one) for one, other in zip(expected, got, strict=True)
    )


def _tolerance(model: Any) -> float:
    used = [layer.compute_dtype for layer in model.submodules if isinstance(layer, keras.layers.Layer)]
    halves = [tf.as_dtype(name) for name in used if name in ("float16", "bfloat16")]
    return max(
        [_TOLERANCE, *(_LAST_DIGITS * float(2.0 ** -{"float16": 10, "bfloat16": 7}[each.name]) for each in halves)]
    )


def _reason(error: BaseException) -> str:
    """Return the first line that says something of somebody else's error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return (said or lines or [type(error).__name__])[0][:300].rstrip(".")


def _custom_objects(model: Any) -> dict[str, Any]:
    """Return by name what Keras must be told of to load the model: classes and functions of somebody's own."""
    found = {}
    for layer in (each for each in model.submodules if isinstance(each, keras.layers.Layer)):
        parts = [] if isinstance(layer, keras.layers.Lambda) else list(vars(layer).values())
        for part in (layer, *parts):
            kind = part if inspect.isfunction(part) else type(part)
            is_own = kind.__module__.split(".")[0] not in ("tf_keras", "keras", "tensorflow", "builtins", "numpy")
            if is_own and (inspect.isfunction(part) or hasattr(part, "get_config")):
                found[kind.__name__] = kind
    return found


def _loading(model: Any, path: Path, custom: Mapping[str, Any]) -> str:
    if path.suffix == ".tflite":
        return f"tf.lite.Interpreter({str(path)!r})"
    options = [f"custom_objects={{{', '.join(f'{name!r}: {name}' for name in custom)}}}"] if custom else []
    if path.suffix == ".keras" and any(isinstance(each, keras.layers.Lambda) for each in model.submodules):
        options.append("safe_mode=False")
    return f"keras.models.load_model({', '.join([repr(str(path)), *options])})"


def _size_before(model: Any, written: Path) -> Size:
    """Return the size of the model as it is: in the same format, or where that refuses it in the next that does not.

    For .h5, masks of recurrent layers share a name.
    """
    for ending in (written.suffix, ".keras", ""):
        whole = written.with_name(f"before{ending}")
        if ending == ".tflite":
            continue
        try:
            write_keras(model, whole)
            return _size(model, whole)
        except Exception as error:  # noqa: BLE001 - Keras raises many kinds; another format may do
            logging.debug("the model with its masks cannot be saved as %r: %s", ending, error)
    arrays = written.with_name("before.bin")
    arrays.write_bytes(b"".join(np.asarray(variable).tobytes() for variable in model.variables))
    return _size(model, arrays)


def _size(model: Any, path: Path) -> Size:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    contents = [file.read_bytes() for file in files]
    counted = parameters(model)
    return Size(
        parameters=counted.all,
        nonzero_parameters=counted.nonzero,
        bytes=sum(map(len, contents)),
        compressed_bytes=sum(len(gzip.compress(content)) for content in contents),
    )
