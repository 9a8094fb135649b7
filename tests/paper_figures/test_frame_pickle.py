import contextlib
import os
import pickle
import pickletools
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_figures.frame_pickle import ADMITTED, RefusedPickleError, read_pickle


class Global:
    """A name in a pickle."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """What a pickle makes by calling a name."""

    def __init__(self, function, arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state


class OldPickler(pickle._Pickler):
    """Writes what pandas of 2020 wrote, which no pandas of today can."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            super().save(obj.module)
            super().save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)

    def save_global(self, obj, name=None):
        self.save(Global(obj.__module__.replace("numpy._core", "numpy.core"), name or obj.__qualname__))


def index(kind, **data):
    module = "range" if kind == "RangeIndex" else "base"
    new = Global("pandas.core.indexes.base", "_new_Index")
    return Call(new, (Global(f"pandas.core.indexes.{module}", kind), {**data, "name": None}))


def old_pickle(path, frame, manager="pandas.core.internals", key="_data", order="C"):
    """Write a frame as the authors' files are: blocks by type, in the form that pandas 0.14 to 1.2 wrote."""
    kinds = {}
    for place, column in enumerate(frame):
        kinds.setdefault(frame[column].to_numpy().dtype.kind.replace("T", "O"), []).append(place)
    blocks = [
        {
            "values": np.asarray(
                np.stack([frame.iloc[:, place].to_numpy(object if kind == "O" else None) for place in places]),
                order=order,
            ),
            "mgr_locs": np.array(places),
        }
        for kind, places in kinds.items()
    ]
    names = np.array(list(frame.columns), dtype=object)
    axes = [index("Index", data=names), index("RangeIndex", start=0, stop=len(frame), step=1)]
    state = (axes, [], [], {"0.14.1": {"axes": axes, "blocks": blocks}})
    inner = Call(Global(manager, "BlockManager"), (), state)
    whole = Call(Global("pandas.core.frame", "DataFrame"), (), {key: inner, "_typ": "dataframe", "_metadata": []})
    with path.open("wb") as file:
        OldPickler(file, 4).dump(whole)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "network": ["resnet20", "gnmt", "resnet20"], "is_iterative": [True, False, True],
            "density": [0.8, 0.5, 0.6400000000000001], "test_acc": [0.9, 26.5, 0.91],
            "flops": pd.Series([41886986, None, 41886986], dtype=object), "level": [1, 2, 3],
        }
    ).astype({"network": object})  # fmt: skip


def same(read, frame):
    assert list(read.columns) == list(frame.columns)
    for column in frame:
        mine, theirs = (f[column].astype(object).where(f[column].notna(), None).tolist() for f in (read, frame))
        assert mine == theirs, column


@pytest.mark.parametrize("manager", ["pandas.core.internals", "pandas.core.internals.managers"])
@pytest.mark.parametrize("key", ["_data", "_mgr"])
def test_pickles_of_2020_are_read(frame, tmp_path, manager, key):
    old_pickle(tmp_path / "old.pkl", frame, manager, key)
    assert b"numpy.core.multiarray" in (tmp_path / "old.pkl").read_bytes()
    same(read_pickle(tmp_path / "old.pkl"), frame)


def test_pickles_whose_columns_lie_behind_one_another_or_rows_are_read(frame, tmp_path):
    old_pickle(tmp_path / "old.pkl", frame, "pandas.core.internals", "_mgr", order="F")
    same(read_pickle(tmp_path / "old.pkl"), frame)


def test_an_array_whose_axes_were_exchanged_is_read_as_numpy_reads_it(tmp_path):
    values = np.array([[1.5, 2.5], [3.5, 4.5], [5.5, 6.5]])  # as it lies in memory; its columns are those of the table
    array = Call(
        Global("numpy.core.numeric", "_frombuffer"),
        (values.tobytes(), Call(Global("numpy", "dtype"), ("f8",)), values.shape, "K", (1, 0)),
    )
    axes = [index("Index", data=np.array(["a", "b"], object)), index("RangeIndex", start=0, stop=3, step=1)]
    blocks = [{"values": array, "mgr_locs": np.array([0, 1])}]
    inner = Call(
        Global("pandas.core.internals", "BlockManager"),
        (),
        (axes, [], [], {"0.14.1": {"axes": axes, "blocks": blocks}}),
    )
    with (tmp_path / "table.pkl").open("wb") as file:
        OldPickler(file, 4).dump(Call(Global("pandas.core.frame", "DataFrame"), (), {"_data": inner}))
    read = read_pickle(tmp_path / "table.pkl")
    assert {name: read[name].tolist() for name in read} == {"a": [1.5, 3.5, 5.5], "b": [2.5, 4.5, 6.5]}


class NumberedPickler(OldPickler):
    """Remembers each object under a number that it writes, as other picklers than Python's may in any protocol."""

    def put(self, index):
        return pickle.BINPUT + bytes([index]) if index < 256 else pickle.LONG_BINPUT + index.to_bytes(4, "little")


def test_names_remembered_under_numbers_are_read_and_refused_by_those_names(frame, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "OldPickler", NumberedPickler)
    old_pickle(tmp_path / "old.pkl", frame)
    names = [opcode.name for opcode, *_ in pickletools.genops((tmp_path / "old.pkl").read_bytes())]
    assert {"BINPUT", "BINGET", "STACK_GLOBAL"} <= set(names)
    assert "MEMOIZE" not in names
    same(read_pickle(tmp_path / "old.pkl"), frame)
    bad = b"\x80\x04\x8c\x05posixq\x07\x8c\x06systemq\x0800h\x07h\x08\x93."  # remembered, dropped, fetched
    assert pickle.loads(bad) is os.system
    (tmp_path / "bad.pkl").write_bytes(bad)
    with pytest.raises(RefusedPickleError, match=r"asks for posix\.system"):
        read_pickle(tmp_path / "bad.pkl")


@pytest.mark.parametrize("byte_order", "<>")
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numbers_with_either_end_first_are_read(tmp_path, protocol, byte_order):
    one = pd.DataFrame({"a": np.array([1.5, 4.0], f"{byte_order}f8"), "b": np.array([2, 5], f"{byte_order}i4")})
    (tmp_path / "table.pkl").write_bytes(pickle.dumps(one, protocol))
    read = read_pickle(tmp_path / "table.pkl")
    assert {name: read[name].tolist() for name in read} == {"a": [1.5, 4.0], "b": [2, 5]}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_the_pandas_that_is_installed_are_read(frame, tmp_path, protocol):
    for name, one in (("object", frame), ("text", frame.astype({"network": "str"})), ("part", frame.iloc[[0, 2]])):
        (tmp_path / name).write_bytes(pickle.dumps(one, protocol))
        same(read_pickle(tmp_path / name), one)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class System:
    def __reduce__(self):
        return os.system, ("exit 1",)


class Builtin:
    def __reduce__(self):
        return eval, ("1 + 1",)


class Frame:
    def __reduce__(self):
        return pd.read_pickle, ("other.pkl",)


@pytest.mark.parametrize(
    ("thing", "named"),
    [(System(), "system"), (Builtin(), "eval"), (Frame(), "read_pickle"), (pd.Series([1]), "pandas.Series")],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_everything_else_is_refused_by_name(thing, named, protocol, tmp_path):
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(thing, protocol))
    with pytest.raises(RefusedPickleError, match=rf"bad.pkl: the pickle asks for .*{named}.*Nothing in it was run"):
        read_pickle(tmp_path / "bad.pkl")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nothing_runs_before_the_refusal_even_what_comes_first(frame, protocol, tmp_path):
    marks = [tmp_path / "first", tmp_path / "last"]
    content = pickle.dumps([Touch(marks[0]), frame, Touch(marks[1])], protocol)
    (tmp_path / "bad.pkl").write_bytes(content)
    with pytest.raises(RefusedPickleError):
        read_pickle(tmp_path / "bad.pkl")
    assert not any(mark.exists() for mark in marks)
    pickle.loads(content)
    assert all(mark.exists() for mark in marks)  # so it would have


def test_names_hidden_from_the_reader_are_refused(tmp_path):
    # The name of a global as the sum of a memo and a duplicate: no pickler writes this, and it would run.
    hidden = b"\x80\x04\x8c\x06system\x94\x8c\x05posix\x94h\x00\x93\x8c\x06exit 1\x85R."
    assert pickle.loads(hidden) != 0
    for content in (hidden, b"\x80\x04\x8c\x05posix\x8c\x06system2\x93."):
        (tmp_path / "bad.pkl").write_bytes(content)
        with pytest.raises(RefusedPickleError, match="asks for"):
            read_pickle(tmp_path / "bad.pkl")


def test_what_is_admitted_is_ours_but_for_slices():
    others = {value for value in ADMITTED.values() if value.__module__ != "paper_figures.frame_pickle"}
    assert others == {slice}


def test_memory_that_a_file_chooses_is_not_followed(tmp_path):
    # An array of objects over bytes of the file: NumPy's own functions would take them for pointers and crash.
    fake = Call(Global("numpy", "ndarray"), ((1, 1), Call(Global("numpy", "dtype"), ("O8",)), bytearray(b"A" * 8)))
    disguised = Call(Global("numpy", "dtype"), ("V8",), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0))
    for values in (fake, Call(Global("numpy.core.numeric", "_frombuffer"), (b"A" * 8, disguised, (1, 1), "C"))):
        names = index("Index", data=np.array(["a"], dtype=object))
        state = ([names, names], [], [], {"0.14.1": {"axes": [], "blocks": [{"values": values, "mgr_locs": slice(1)}]}})
        inner = Call(Global("pandas.core.internals", "BlockManager"), (), state)
        with (tmp_path / "bad.pkl").open("wb") as file:
            OldPickler(file, 4).dump(Call(Global("pandas.core.frame", "DataFrame"), (), {"_data": inner}))
        with pytest.raises(ValueError, match=r"bad.pkl is no pickled table"):
            read_pickle(tmp_path / "bad.pkl")


def test_memory_of_any_size_is_not_asked_for(tmp_path):
    remember = b"\x80\x04N" + pickle.LONG_BINPUT + (50_000_000).to_bytes(4, "little") + b"."
    zeros = b"\x80\x04cbuiltins\nbytearray\n" + pickle.BININT + (300_000_000).to_bytes(4, "little") + b"\x85R."
    for content in (remember, zeros):
        (tmp_path / "bad.pkl").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"bad.pkl is no pickled table"):
            read_pickle(tmp_path / "bad.pkl")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10_000_000


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_and_never_crash(frame, tmp_path, data):
    whole = bytearray(pickle.dumps(frame, data.draw(st.sampled_from([2, 4, 5]))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "bad.pkl").write_bytes(whole)
    with contextlib.suppress(ValueError):
        assert isinstance(read_pickle(tmp_path / "bad.pkl"), pd.DataFrame)


def test_damage_is_told_from_refusal(frame, tmp_path):
    whole = pickle.dumps(frame)
    for content in (b"", whole[: len(whole) // 2], pickle.dumps([1, 2]), b"\x80\x04N."):
        (tmp_path / "bad.pkl").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad.pkl is no pickled table") as raised:
            read_pickle(tmp_path / "bad.pkl")
        assert not isinstance(raised.value, RefusedPickleError)
