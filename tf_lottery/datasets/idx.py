"""MNIST and its relatives, from IDX files, gzipped or not (format: yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tf_lottery.datasets.dataset import DamagedDataError, Dataset, Found, Parts, Split
from tf_lottery.datasets.places import subfolders

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_UNSIGNED_BYTES = 8  # the third byte of the magic number


def read_idx(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes.

    Raises:
        DamagedDataError: It is no such file, is cut or too long, or its array has another shape.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedDataError(f"{path}: {error}. Expected a whole gzip file; get it anew.") from error
    header = struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTES, len(shape), *shape)
    if content[:4] != header[:4]:
        raise DamagedDataError(
            f"{path} begins with {content[:4].hex(' ') or 'nothing'}; expected {header[:4].hex(' ')}, an IDX file of "
            f"unsigned bytes with {len(shape)} dimensions. Is it another file?"
        )
    if content[: len(header)] != header:
        found = struct.unpack_from(f">{min(len(shape), (len(content) - 4) // 4)}I", content, 4)
        raise DamagedDataError(f"{path} holds an array of {found}; expected {shape}. Is it of another dataset?")
    size = int(np.prod(shape))
    if len(content) != len(header) + size:
        raise DamagedDataError(
            f"{path} holds {len(content) - len(header)} values; expected {size}. It is cut or overlong: get it anew."
        )
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _find(folder_names: tuple[str, ...], dataset: Dataset, places: Sequence[Path]) -> Found | None:
    for place in places:
        for folder in subfolders(place, *folder_names):
            found = [_file(folder, name) for name in _FILES]
            if any(found) and not all(found):
                missing = ", ".join(name for name, path in zip(_FILES, found, strict=True) if not path)
                raise DamagedDataError(f"{folder} lacks {missing}(.gz). Expected all of {', '.join(_FILES)}.")
            if all(found):
                paths = [path for path in found if path]
                return Found(where=str(folder), read=partial(_read, dataset, paths))
    return None


def _file(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    candidates = (folder / f"{stem}{end}" for stem in (name, dotted) for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read(dataset: Dataset, paths: Sequence[Path]) -> Parts:
    height, width, _ = dataset.shape
    parts = []
    for count, (images, labels) in zip(
        (dataset.in_train_files, dataset.held_out_examples), (paths[:2], paths[2:]), strict=True
    ):
        found = read_idx(labels, (count,))
        if found.max() >= dataset.classes:
            raise DamagedDataError(f"{labels} has a label {found.max()}; expected 0 to {dataset.classes - 1}.")
        parts.append(Split(read_idx(images, (count, height, width))[..., None], found.astype(np.int32)))
    return parts[0], parts[1]


_MNIST = Dataset(
    shape=(28, 28, 1),
    classes=10,
    train_examples=60_000,
    held_out_examples=10_000,
    normalisation="mean_std",
    mean=0.1307,  # of the training images; the usual values, and those that fit the LTH paper's curves best
    std=0.3081,
    find=partial(_find, ("mnist", "MNIST/raw")),
    examples_digest="bb6eba4c268867f15d32ab8713555e098f77685306e60aea7322e82ac2601f0e",
    tfds_name="mnist",
)
DATASETS = {
    "mnist": _MNIST,
    "mnist_55000": replace(_MNIST, train_examples=55_000, drawn_validation=5_000),  # the lottery ticket paper's
    "fashion_mnist": Dataset(
        shape=(28, 28, 1),
        classes=10,
        train_examples=60_000,
        held_out_examples=10_000,
        normalisation="mean_std",
        mean=0.2860,  # measured on the training images
        std=0.3530,
        find=partial(_find, ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw")),
        examples_digest="e278387350655434b17322577adbc72f70c9629f813edf99f8fd739622572ecc",
        tfds_name="fashion_mnist",
    ),
}
