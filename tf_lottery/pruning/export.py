"""`export(model, path)`: save the stripped model, prove that it predicts the same, and say what was saved."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.agreement import DiffersError, compared, tolerance_of
from tf_lottery.pruning.channels import shrink as channels
from tf_lottery.pruning.channels.report import ShrinkReport
from tf_lottery.pruning.cloning import check_model
from tf_lottery.pruning.flops import parameters
from tf_lottery.pruning.latency import first_example, side_by_side
from tf_lottery.pruning.loading import custom_objects, loading
from tf_lottery.pruning.predictions import Predictions, predictions, reason_of
from tf_lottery.pruning.saved_formats import Format, Predict, format_of, write_keras, write_plain_lite
from tf_lottery.pruning.strip import strip
from tf_lottery.pruning.trial_inputs import taken
from tf_lottery.pruning.whole import beside, check_place


class ExportError(Exception):
    """The model cannot be saved in this format, or what was saved does not predict what the model predicts."""


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
    shrunk: ShrinkReport | None = None  # which channels were removed before
    same_choice: float | None = None  # of a quantized classifier: in which share of examples the same output is largest
    milliseconds: tuple[float, float] | None = (
        None  # for one example on one core, of the whole model and what was saved
    )

    def __str__(self) -> str:
        head = f"{self.path}\n{'':20}{'before':>14}{'after':>14}"
        rows = [
            f"{name.replace('_', ' '):20}{getattr(self.before, name):>14,}{getattr(self.after, name):>14,}"
            for name in ("parameters", "nonzero_parameters", "bytes", "compressed_bytes")
        ]
        if self.milliseconds is not None:
            rows.append(f"{'ms for one example':20}" + "".join(f"{each:>14.3g}" for each in self.milliseconds))
        same = f"predictions of both differ by at most {self.largest_difference:.1e}"
        if self.same_choice is not None:
            same += f"; in {self.same_choice:.1%} of examples the same output is the largest"
        channels = [] if self.shrunk is None else [str(self.shrunk)]
        return "\n".join([*channels, head, *rows, same, f"load it with {self.loading}"])


def export(
    model: Any,
    path: str | Path,
    *,
    inputs: Any = None,
    shrink: bool = False,
    quantize: str | None = None,
    calibration: Any = None,
    latency: bool = False,
) -> ExportReport:
    """Save the model without masks and optimizer, as any Keras 2 installation loads it, and print the report.

    What was saved is loaded again, and both predict one batch at inference (`training=False`). Each output may differ
    by 1e-5 of its largest value (in half precision by 4 of the last digits, in .tflite by ten times as much); NaN and
    infinity are equal to themselves; integers and texts must be equal. A model that differs from itself, as on a GPU,
    may differ by 4 times that; one that is random at inference is compared under one seed, for which TensorFlow's
    global seed is set. Nothing is left behind, and what was at `path` is still
    there, if anything is raised.

    Args:
        model: Of `prunable`.
        path: NAME.keras, NAME.h5, NAME.tflite, or a folder for a SavedModel; in an existing folder. TFLite stores
            zeros of dense and convolution kernels in its sparse format; recurrent models get a batch size of 1.
        inputs: One batch to compare on, as `predict` takes it; random numbers, ids and texts that fit if not given.
        shrink: Remove the channels that nothing reads before, as `tl.shrink` does: smaller and faster anywhere. What
            was saved is then compared with the shrunk model, and that with the given one.
        quantize: For .tflite, "float16": weights in half precision; "dynamic_int8": in 8 bits; "int8": activations too.
            Inputs and outputs stay floats. Outputs may differ by 2% (float16) or a quarter of the largest; the report
            says by how much they do, and how often a classifier's choice is the same.
        calibration: For int8: some hundred inputs of the training data, as `predict` takes them.
        latency: Also measure how long one example takes on one core, of the model as a whole and of what was saved, in
            the same format (TFLite: without quantization and sparse zeros), one after the other.

    Raises:
        ExportError: The model cannot be saved in this format, or is not the same when it is loaded again.
        ShrinkError: As `tl.shrink`.
        TypeError, ValueError: No model that `prunable` returns, no path, an ending that is not among these, inputs
            that the model cannot take, or `quantize` or `calibration` that do not go with the rest.
        OSError: Nothing can be written at `path`.
    """
    check_model(model)
    path = arguments.path("path", path)
    form = format_of(path, quantize, calibration)
    check_place(path, folder=form.is_folder)
    custom = custom_objects(model)
    batch, expected = taken(model, inputs)
    if calibration is not None:
        taken(model, first_example(model, calibration), "calibration")
    with keras.saving.custom_object_scope(custom):
        fewer, shrunk = channels.shrink(model, inputs=batch) if shrink else (model, None)
        small = strip(fewer)
    if shrink:
        expected = predictions(small, batch)
    tolerance = max(form.distance * tolerance_of(model), form.least_tolerance)
    with beside(path) as written:
        for write in form.ways:
            try:
                predict = _saved(write, form, path, small, written, custom)
                most = compared(fewer, predict, batch, expected, tolerance)
                break
            except DiffersError as error:
                reason = str(error)
        else:
            raise ExportError(f"{path}: what was saved {reason}. Expected the same model again. {form.cure}")
        report = ExportReport(
            path=path,
            before=_size_before(model, written),
            after=_size(small, written),
            largest_difference=most,
            loading=loading(small, path, custom),
            shrunk=shrunk,
            same_choice=None if quantize is None else _same_choice(expected, predict(batch)),
            milliseconds=_milliseconds(form, model, small, written, custom, batch) if latency else None,
        )
    print(report)  # noqa: T201 - this is what the caller asked for
    return report


def _saved(write: Any, form: Format, path: Path, small: Any, written: Path, custom: Mapping[str, Any]) -> Predict:
    """Write the model and return the predictions of what was written."""
    try:
        write(small, written)
    except OSError as error:
        raise OSError(f"{path} cannot be written ({reason_of(error)}); expected room for it. Make some.") from error
    except Exception as error:
        raise ExportError(f"{path}: this format cannot hold the model ({reason_of(error)}). {form.cure}") from error
    try:
        return form.read(written, small, custom)
    except Exception as error:
        raise ExportError(f"{path}: what was saved cannot be loaded again ({reason_of(error)}). {form.cure}") from error


def _same_choice(expected: Predictions, got: Predictions) -> float | None:
    """Return the share of examples in which the same output is largest; None where there is nothing to choose."""
    pairs = [(one, other) for one, other in zip(expected, got, strict=True) if one.ndim == 2 and one.shape[1] > 1]
    if not pairs:
        return None
    return float(np.mean([np.mean(one.argmax(1) == other.argmax(1)) for one, other in pairs]))


def _milliseconds(
    form: Format, model: Any, small: Any, written: Path, custom: Mapping[str, Any], batch: Any
) -> tuple[float, float]:
    """Return how long the model as a whole takes in the same format, and what was saved."""
    with keras.saving.custom_object_scope(dict(custom)):
        plain = strip(model)
    whole = written
    if written.suffix == ".tflite":
        whole = written.with_name("whole.tflite")
        write_plain_lite(plain, whole)
    one = first_example(model, batch)
    before, after = side_by_side([form.call(whole, plain, custom, one), form.call(written, small, custom, one)])
    return before, after


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
