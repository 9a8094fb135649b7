"""`export(model, path)`: save the stripped model, prove that it predicts the same, and say what was saved."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.flops import parameters
from tf_lottery.pruning.strip import strip

_EXAMPLES = 8
# Sums may be taken in another order in another graph.
_TOLERANCE = 1e-5


class ExportError(Exception):
    """What was saved does not predict what the model predicts."""


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
    before: Size  # the prunable model with its masks and optimizer
    after: Size  # what was saved
    largest_difference: float  # between the predictions of both, of random inputs

    def __str__(self) -> str:
        head = f"{self.path}\n{'':20}{'before':>14}{'after':>14}"
        rows = [
            f"{name.replace('_', ' '):20}{getattr(self.before, name):>14,}{getattr(self.after, name):>14,}"
            for name in ("parameters", "nonzero_parameters", "bytes", "compressed_bytes")
        ]
        same = f"predictions of both differ by at most {self.largest_difference:.1e}"
        return "\n".join([head, *rows, same])


def export(model: Any, path: str | Path) -> ExportReport:
    """Save the model without masks and optimizer, as any Keras 2 installation loads it, and print the report.

    Args:
        model: Of `prunable`.
        path: NAME.keras, NAME.h5, or a folder for a SavedModel.

    Raises:
        ExportError: The saved model, loaded again, does not predict the same.
    """
    path = Path(path)
    small = strip(model)
    small.save(path)
    loaded = keras.models.load_model(path, compile=False)
    generator = np.random.default_rng(0)
    inputs = [_random(tensor, generator) for tensor in model.inputs]
    expected, got = (_flat(some(inputs if len(inputs) > 1 else inputs[0])) for some in (model, loaded))
    difference = float(np.max(np.abs(expected - got), initial=0.0))
    if not difference <= _TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0))):
        raise ExportError(
            f"{path}: its predictions differ from the model's by up to {difference:g}; expected at most "
            f"{_TOLERANCE:g}. A layer whose saved configuration leaves something out may be the cause."
        )
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"model{path.suffix}"
        model.save(whole)
        before = _size(model, whole)
    report = ExportReport(path=path, before=before, after=_size(small, path), largest_difference=difference)
    print(report)  # noqa: T201 - this is what the caller asked for
    return report


def _random(tensor: Any, generator: np.random.Generator) -> Any:
    shape = [_EXAMPLES, *(size or _EXAMPLES for size in tensor.shape[1:])]
    if tensor.dtype.is_integer or tensor.dtype.is_bool:
        return tf.cast(generator.integers(0, 2, shape), tensor.dtype)
    return tf.cast(generator.normal(size=shape), tensor.dtype)


def _flat(outputs: Any) -> Any:
    return np.concatenate([np.ravel(np.asarray(output, np.float64)) for output in tf.nest.flatten(outputs)])


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
