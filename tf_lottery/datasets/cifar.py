"""CIFAR-10 from its original archives, python or binary, packed or not (format: cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.datasets.dataset import DamagedDataError, Dataset, Found, Parts, Split
from tf_lottery.datasets.places import subfolders

_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)

Decode = Callable[[str, bytes], tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]
Member = Callable[[str], bytes]  # name of a file -> what it holds; KeyError if there is none


class _Unpickler(pickle.Unpickler):
    """Reads arrays and plain values, and nothing that could run code."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),  # how bytes look in a pickle of protocol 2
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which data do not need")


def _decode_python(name: str, content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        return np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"], np.uint8)
    # A damaged pickle may fail in any way that its instructions can.
    except Exception as error:
        raise DamagedDataError(
            f"{name}: {error}. Expected a batch of CIFAR-10's python version; get it anew."
        ) from error


def _decode_binary(name: str, content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    row = 1 + 32 * 32 * 3
    if not content or len(content) % row:
        raise DamagedDataError(f"{name} has {len(content)} bytes; expected a multiple of {row}. It is cut.")
    rows = np.frombuffer(content, np.uint8).reshape(-1, row)
    return rows[:, 1:], rows[:, 0]


# folder in the archive, archive, ending of a batch's name, what reads a batch
_LAYOUTS: tuple[tuple[str, str, str, Decode], ...] = (
    ("cifar-10-batches-py", "cifar-10-python.tar.gz", "", _decode_python),
    ("cifar-10-batches-bin", "cifar-10-binary.tar.gz", ".bin", _decode_binary),
)


def _find(dataset: Dataset, places: Sequence[Path]) -> Found | None:
    for place in places:
        for folder in subfolders(place, "cifar10", "cifar-10"):
            for inside, archive, ending, decode in _LAYOUTS:
                for path, there, read in (
                    (folder / inside, Path.is_dir, _read_folder),
                    (folder / archive, Path.is_file, _read_archive),
                ):
                    if there(path):
                        return Found(where=str(path), read=partial(read, dataset, path, ending, decode))
    return None


def _read_folder(dataset: Dataset, folder: Path, ending: str, decode: Decode) -> Parts:
    def member(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(name) from error

    return _parts(dataset, folder, member, ending, decode)


def _read_archive(dataset: Dataset, archive: Path, ending: str, decode: Decode) -> Parts:
    try:
        with tarfile.open(archive) as tar:
            # One pass: seeking in a gzipped archive reads it from the start.
            contents = {
                Path(info.name).name: file.read() for info in tar if info.isfile() and (file := tar.extractfile(info))
            }
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DamagedDataError(f"{archive}: {error}. Expected a whole archive of CIFAR-10; get it anew.") from error
    return _parts(dataset, archive, contents.__getitem__, ending, decode)


def _parts(dataset: Dataset, where: Path, member: Member, ending: str, decode: Decode) -> Parts:
    def read(names: Sequence[str], expected: int) -> Split:
        batches = [_batch(dataset, where, name + ending, member, decode) for name in names]
        images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        if len(images) != expected:
            raise DamagedDataError(f"{where}: {', '.join(names)} hold {len(images)} images; expected {expected}.")
        # Stored as all of red, then green, then blue.
        planes = images.reshape(-1, 3, *dataset.shape[:2])
        return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.astype(np.int32))

    return read(_TRAIN, dataset.in_train_files), read(_TEST, dataset.held_out_examples)


def _batch(
    dataset: Dataset, where: Path, name: str, member: Member, decode: Decode
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    try:
        content = member(name)
    except KeyError as error:
        raise DamagedDataError(f"{where} lacks {name}. Expected the six batches of CIFAR-10.") from error
    images, labels = decode(f"{where}/{name}", content)
    if images.ndim != 2 or images.shape[1] != np.prod(dataset.shape) or labels.shape != images.shape[:1]:
        raise DamagedDataError(
            f"{where}/{name}: images of shape {images.shape} and labels of {labels.shape}; expected rows of "
            f"{np.prod(dataset.shape)} pixels and a label for each."
        )
    if labels.size and labels.max() >= dataset.classes:
        raise DamagedDataError(f"{where}/{name} has a label {labels.max()}; expected 0 to {dataset.classes - 1}.")
    return images, labels


_CIFAR10 = Dataset(
    shape=(32, 32, 3),
    classes=10,
    train_examples=50_000,
    held_out_examples=10_000,
    # As the authors' code: black borders, crop, flip, then each image standardised, borders included.
    normalisation="standardise_image",
    augmentation="pad_crop_flip",
    find=_find,
    examples_digest="5f48da2c5a3809a631d51515acb9fbfb735bccec08ce59d4e2d79463cbc9fe63",
    tfds_name="cifar10",
)
# The lottery ticket paper's: 5,000 training images validate. Of each channel: the mean and deviation over all training
# images, the usual values; the paper does not say how it normalises.
_LTH = replace(
    _CIFAR10,
    train_examples=45_000,
    drawn_validation=5_000,
    normalisation="mean_std",
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)
DATASETS = {
    "cifar10": _CIFAR10,
    "cifar10_45000": _LTH,
    "cifar10_45000_plain": replace(_LTH, augmentation="none"),  # for Conv-2, Conv-4 and Conv-6
}
