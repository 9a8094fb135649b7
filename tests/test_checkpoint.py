import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery import checkpoint
from tf_lottery.checkpoint import DamagedCheckpointError

arrays = hnp.arrays(
    st.sampled_from([np.float32, np.int64, np.uint8]),
    hnp.array_shapes(min_dims=0, max_side=4),
    elements=st.integers(0, 9),
)


@given(st.dictionaries(st.text("ab/:", min_size=1), arrays), st.dictionaries(st.text(), st.integers()))
def test_what_is_written_is_read(tmp_path_factory, values, metadata):
    path = tmp_path_factory.mktemp("checkpoint") / "a.safetensors"
    checkpoint.write(path, values, metadata)
    read, read_metadata = checkpoint.read(path)
    assert read_metadata == metadata
    assert read.keys() == values.keys()
    for name, value in values.items():
        assert read[name].dtype == value.dtype
        assert read[name].shape == value.shape
        assert read[name].tobytes() == value.tobytes()


def test_transposed_and_strided_arrays_keep_their_values(tmp_path):
    # safetensors alone writes the raw buffer of such arrays: wrong values, no error.
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    checkpoint.write(tmp_path / "a", {"transposed": base.T, "strided": base[:, ::2]}, {})
    read, _ = checkpoint.read(tmp_path / "a")
    assert np.array_equal(read["transposed"], base.T)
    assert np.array_equal(read["strided"], base[:, ::2])


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "a"
    checkpoint.write(path, {"w": np.arange(20, dtype=np.float32)}, {"step": 3})
    return path.read_bytes()


@given(st.data())
def test_any_flipped_bit_is_noticed(tmp_path_factory, content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(changed)
    try:
        read, metadata = checkpoint.read(path)
    except DamagedCheckpointError:
        return
    # A bit of JSON that changes no value, such as a space, is no damage.
    assert metadata == {"step": 3}
    assert np.array_equal(read["w"], np.arange(20, dtype=np.float32))


@given(st.data())
def test_a_cut_file_is_damaged(tmp_path_factory, content, data):
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(DamagedCheckpointError, match="damaged"):
        checkpoint.read(path)


def test_a_write_that_fails_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    checkpoint.write(path, {"w": np.zeros(3)}, {})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write(path, {"w": np.ones(3)}, {})
    assert np.array_equal(checkpoint.read(path)[0]["w"], np.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
