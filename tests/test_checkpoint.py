import hashlib
import os

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery import checkpoint
from tf_lottery.checkpoint import DamagedCheckpointError

DTYPES = [*map(np.dtype, "?BHILbhilefdF"), np.dtype(ml_dtypes.bfloat16), np.dtype(">f4"), np.dtype(">i8")]
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


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numbers_of_every_kind_are_read_as_they_were_written(tmp_path, dtype):
    for values in (np.array([[1, 0, 3]]).astype(dtype), np.array(2).astype(dtype), np.zeros((0, 2), dtype)):
        checkpoint.write(tmp_path / "a", {"a": values}, {})
        read = checkpoint.read(tmp_path / "a")[0]["a"]
        assert read.dtype == dtype.newbyteorder("=")
        assert read.shape == values.shape
        assert read.tolist() == values.tolist()


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([None]), np.zeros(2, complex), np.zeros(2, "V2")])
def test_what_is_no_number_is_refused_by_name_and_nothing_is_written(tmp_path, values):
    with pytest.raises(TypeError, match=r"^mine has dtype .*; expected numbers .* Convert"):
        checkpoint.write(tmp_path / "a", {"mine": values}, {})
    assert not list(tmp_path.iterdir())


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


# Each changes what the file says of its bytes, and no byte of an array: only the checksum can tell.
RELABELLED = {
    "names exchanged": ('"first":', '"later":', '"later":', '"first":'),
    "another name": ('"first":', '"forst":'),
    "another shape": ('"shape":[2,3]', '"shape":[3,2]'),
    "one dimension": ('"shape":[2,3]', '"shape":[6]  '),
    "another dtype": ('"dtype":"F32"', '"dtype":"I32"'),
    "another 2 bytes": ('"dtype":"BF16"', '"dtype":"F16" '),
    "other metadata": ('step\\\\\\": 3', 'step\\\\\\": 4'),
}


@pytest.mark.parametrize("change", RELABELLED)
def test_a_file_whose_bytes_were_given_other_names_shapes_or_types_is_damaged(tmp_path, change):
    path = tmp_path / "a"
    first, later = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 3), np.float32)
    half = np.ones(3, ml_dtypes.bfloat16)
    checkpoint.write(path, {"first": first, "later": later, "half": half}, {"step": 3})
    content = path.read_bytes()
    header, body = content[: content.index(b"}}") + 2], content[content.index(b"}}") + 2 :]
    places = [header.index(text.encode()) for text in RELABELLED[change][::2]]
    for place, text in zip(places, RELABELLED[change][1::2], strict=True):
        header = header[:place] + text.encode() + header[place + len(text) :]
    assert header + body != content
    path.write_bytes(header + body)
    with pytest.raises(DamagedCheckpointError, match="does not match its SHA-256"):
        checkpoint.read(path)


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


def test_whoever_reads_while_a_file_is_replaced_reads_the_older_one_whole(tmp_path):
    path = tmp_path / "a"
    checkpoint.write(path, {"w": np.zeros(3)}, {})
    older = path.read_bytes()
    with path.open("rb", buffering=0) as reader:
        begin = reader.read(10)
        checkpoint.write(path, {"w": np.ones(3)}, {})
        assert begin + reader.read() == older
    assert np.array_equal(checkpoint.read(path)[0]["w"], np.ones(3))


def test_what_is_written_is_on_the_disk_before_it_has_the_files_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.fstat(file).st_size), fsync(file))[1])
    monkeypatch.setattr(type(tmp_path), "replace", lambda path, to: (done.append(to), replace(path, to))[1])
    checkpoint.write(tmp_path / "a", {"w": np.zeros(3)}, {})
    assert done == [(tmp_path / "a").stat().st_size, tmp_path / "a"]


def test_two_writers_of_one_file_do_not_write_into_one_another(tmp_path, monkeypatch):
    """Processes in two containers may have one number; here one writes while the other is about to rename."""
    path, fsync = tmp_path / "a", os.fsync

    def interrupted(file):
        fsync(file)
        monkeypatch.setattr(os, "fsync", fsync)
        checkpoint.write(path, {"w": np.zeros(3)}, {})

    monkeypatch.setattr(os, "fsync", interrupted)
    checkpoint.write(path, {"w": np.ones(5)}, {})
    assert np.array_equal(checkpoint.read(path)[0]["w"], np.ones(5))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_digests_of_arrays_are_of_dtype_shape_and_bytes_and_of_nothing_else():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = hashlib.sha256(b"<f4 (2, 3)\n" + values.tobytes()).hexdigest()[:16]
    same = {"a": values, "another name": values, "in another layout": np.asfortranarray(values)}
    assert checkpoint.array_digests(same) == dict.fromkeys(same, expected)
    others = [values + 1, np.where(values == 5, -0.0, values), values.reshape(3, 2), values.view(np.int32), values[:1]]
    found = checkpoint.array_digests({str(place): array for place, array in enumerate(others)})
    assert len({expected, *found.values()}) == 1 + len(others)
