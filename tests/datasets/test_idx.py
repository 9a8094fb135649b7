import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import DamagedDataError
from tf_lottery.datasets.idx import _FILES, read_idx
from tf_lottery.datasets.known import DATASETS

TRAIN, TEST = 30, 10


def idx(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        _FILES[0]: generator.integers(0, 256, (TRAIN, 28, 28)),
        _FILES[1]: generator.integers(0, 10, TRAIN),
        _FILES[2]: generator.integers(0, 256, (TEST, 28, 28)),
        _FILES[3]: generator.integers(0, 10, TEST),
    }


@pytest.fixture
def dataset():
    return replace(DATASETS["mnist"], train_examples=TRAIN, held_out_examples=TEST)


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_found_and_read_gzipped_or_not(tmp_path, arrays, dataset, folder, packed):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = gzip.compress(idx(array), mtime=0) if packed else idx(array)
        (tmp_path / folder / f"{name}{'.gz' if packed else ''}").write_bytes(content)
    splits = dataset.split(dataset.find(dataset, [tmp_path / "elsewhere", tmp_path])())
    assert np.array_equal(splits.train.images[..., 0], arrays[_FILES[0]])
    assert np.array_equal(splits.train.labels, arrays[_FILES[1]])
    assert len(splits.validation.labels) == 2
    assert len(splits.test.labels) == 8
    together = sorted(np.concatenate([splits.validation.images, splits.test.images]).reshape(10, -1).tolist())
    assert together == sorted(arrays[_FILES[2]].reshape(10, -1).tolist())


def test_a_missing_file_of_four_is_named(tmp_path, arrays, dataset):
    for name, array in list(arrays.items())[:3]:
        (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(DamagedDataError, match=f"lacks {_FILES[3]}"):
        dataset.find(dataset, [tmp_path])


good = idx(np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x00\x00", "begins with 00 00"),
        (b"PK\x03\x04 a zip archive", "begins with 50 4b 03 04"),
        (idx(np.zeros(6)), "2 dimensions"),
        (idx(np.zeros((3, 3))), r"holds an array of \(3, 3\); expected \(2, 3\)"),
        (good[:-1], "holds 5 values; expected 6"),
        (good + b"\x00", "holds 7 values; expected 6"),
        (good[:7], r"holds an array of"),
    ],
)
def test_a_wrong_or_cut_file_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "some-file"
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match=message) as error:
        read_idx(path, (2, 3))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(good, mtime=0)[:-9], gzip.compress(good, mtime=0)[:12] + b"\xff" * 30]
)
def test_a_damaged_gzip_file_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "some-file.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"some-file\.gz"):
        read_idx(path, (2, 3))


def test_a_label_out_of_range_is_refused(tmp_path, arrays, dataset):
    arrays[_FILES[1]][7] = 10
    for name, array in arrays.items():
        (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(DamagedDataError, match="label 10; expected 0 to 9"):
        dataset.find(dataset, [tmp_path])()
