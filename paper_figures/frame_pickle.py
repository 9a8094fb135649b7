"""Reading a pickled table without running what is in the pickle: whatever it names is replaced by records of ours."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_STRING_OPCODES = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_PUT_OPCODES = {"BINPUT", "LONG_BINPUT", "PUT"}
_GET_OPCODES = {"BINGET", "LONG_BINGET", "GET"}


class _Record:
    """Stands for an object of pandas, pyarrow or NumPy: keeps what it was made of, and does nothing."""

    state: Any = None

    def __new__(cls, *args: Any) -> _Record:
        record = super().__new__(cls)
        record.args = args
        return record

    args: tuple[Any, ...]

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Frame(_Record):
    pass


class _Manager(_Record):
    pass


class _Block(_Record):  # _unpickle_block(values, where, dimensions)
    pass


class _NewIndex(_Record):  # _new_Index(class, {"data": ..., ...})
    pass


class _Index(_Record):
    pass


class _StringArray(_Record):
    pass


class _StringType(_Record):
    pass


class _ArrowArray(_Record):  # _restore_array((type, length, nulls, offset, buffers, children, dictionary))
    pass


class _ArrowType(_Record):
    pass


class _ArrowBuffer(_Record):
    pass


class _ArrayClass(_Record):  # an argument of _reconstruct
    pass


class _Array(_Record):  # _reconstruct(class, (0,), b"b"), then (version, shape, dtype, is Fortran's, bytes or list)
    pass


class _BufferArray(_Record):  # _frombuffer(bytes, dtype, shape, order[, order of the axes])
    pass


class _DType(_Record):  # dtype("f8", ...), then (version, byte order, ...)
    pass


class _Bytes(_Record):  # bytearray(bytes), which may also be asked for any number of zeros
    def __new__(cls, *args: Any) -> Any:
        return b"".join(arg for arg in args if isinstance(arg, bytes | bytearray))


class _Encoded(_Record):  # codecs.encode(text, "latin1"), which protocol 2 writes for bytes
    def __new__(cls, *args: Any) -> Any:
        return str(args[0]).encode("latin1")


# What such tables need under pandas 1 (the authors' files), 2 and 3, with pickle protocols 2 to 5; nothing else.
# Only `slice` is the real thing: NumPy's own functions follow pointers that a file can choose.
ADMITTED: Mapping[tuple[str, str], Any] = {
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas", "DataFrame"): _Frame,
    ("pandas.core.internals", "BlockManager"): _Manager,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas._libs.internals", "_unpickle_block"): _Block,
    ("pandas.core.indexes.base", "_new_Index"): _NewIndex,
    ("pandas.core.indexes.base", "Index"): _Index,
    ("pandas", "Index"): _Index,
    ("pandas.core.indexes.range", "RangeIndex"): _Index,
    ("pandas", "RangeIndex"): _Index,
    ("pandas.core.indexes.numeric", "Int64Index"): _Index,
    ("pandas.arrays", "ArrowStringArray"): _StringArray,
    ("pandas", "StringDtype"): _StringType,
    ("pyarrow.lib", "_restore_array"): _ArrowArray,
    ("pyarrow.lib", "type_for_alias"): _ArrowType,
    ("pyarrow.lib", "py_buffer"): _ArrowBuffer,
    ("_codecs", "encode"): _Encoded,
    ("builtins", "slice"): slice,
    ("__builtin__", "slice"): slice,
    ("builtins", "bytearray"): _Bytes,
    ("__builtin__", "bytearray"): _Bytes,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _BufferArray,
    ("numpy._core.numeric", "_frombuffer"): _BufferArray,
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
}
_DTYPES = re.compile(r"[iuf][1248]|b1|O8?")  # whole numbers, fractions, truth, objects
# What damaged bytes can raise, in any instruction.
_DAMAGE = (
    *(pickle.UnpicklingError, ValueError, TypeError, LookupError, AttributeError, EOFError, MemoryError),
    *(OverflowError, RuntimeError, SystemError, StopIteration, AssertionError, ImportError),
)


class RefusedPickleError(ValueError):
    """A pickle that asks for something no table of results needs."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        return _admitted(module_name, global_name)


def read_pickle(path: Path) -> pd.DataFrame:
    """Return the table in this file.

    All names that the pickle asks for are checked before its first instruction runs, and each again when it is used.

    Raises:
        RefusedPickleError: It asks for anything but what pickled tables of plain columns need.
        ValueError: It is damaged, or no such table.
    """
    content = path.read_bytes()
    try:
        for module, name in _globals(content):
            _admitted(module, name)
        found = _Unpickler(io.BytesIO(content)).load()
        if not isinstance(found, _Frame):
            raise ValueError(f"it holds a {type(found).__name__.lstrip('_')}")
        return _frame(found)
    except RefusedPickleError as error:
        raise RefusedPickleError(f"{path}: {error}") from None
    except _DAMAGE as error:
        raise ValueError(
            f"{path} is no pickled table that can be read ({error}). Expected one DataFrame of plain columns, as the "
            "authors published: get the file again, or give the table as CSV."
        ) from error


def _admitted(module: str, name: str) -> Any:
    try:
        return ADMITTED[module, name]
    except KeyError:
        raise RefusedPickleError(
            f"the pickle asks for {module}.{name}, which no table of results needs. Nothing in it was run. "
            "Use the authors' own file, or give the table as CSV."
        ) from None


def _globals(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the module and name of every global that the pickle asks for, without running it."""
    pushed: list[Any] = []
    memo: dict[int, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that no text of a whole pickle has
        operations = list(pickletools.genops(content))
    for opcode, argument, _ in operations:
        if opcode.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            yield module, name
            pushed.append(None)
        elif opcode.name == "STACK_GLOBAL":
            named = pushed[-2:]
            # Python's own pickler always has the two names right there; whoever hides them has a reason.
            plain = len(named) == 2 and all(isinstance(text, str) for text in named)
            yield (named[0], named[1]) if plain else ("?", "(a hidden name)")
            pushed.append(None)
        elif opcode.name in _STRING_OPCODES:
            pushed.append(argument)
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = pushed[-1] if pushed else None
        elif opcode.name in _PUT_OPCODES:
            place = int(str(argument))
            if not 0 <= place < len(content):  # a memo is as long as its greatest place
                raise ValueError(f"it remembers its object number {place}")
            memo[place] = pushed[-1] if pushed else None
        elif opcode.name in _GET_OPCODES:
            pushed.append(memo.get(int(str(argument))))
        else:
            pushed.append(None)


def _frame(frame: _Frame) -> pd.DataFrame:
    # pandas 1.0 and before call the manager _data, later ones _mgr.
    manager = next(value for value in frame.state.values() if isinstance(value, _Manager))
    if manager.args:  # pandas 1.3 and later: (blocks, axes)
        blocks = [(block.args[0], block.args[1]) for block in manager.args[0]]
        names = _index(manager.args[1][0])
    else:  # before: (axes, arrays, their columns, {"0.14.1": all of it again, in a form that pandas kept})
        blocks = [(block["values"], block["mgr_locs"]) for block in manager.state[3]["0.14.1"]["blocks"]]
        names = _index(manager.state[0][0])
    columns: dict[int, npt.NDArray[Any]] = {}
    for values, where in blocks:
        table = _strings(values)[None, :] if isinstance(values, _StringArray) else np.atleast_2d(_array(values))
        places = np.arange(len(names))[where if isinstance(where, slice) else _array(where)]
        columns.update(zip(places.tolist(), table, strict=True))
    return pd.DataFrame({str(name): columns[place] for place, name in enumerate(names)})


def _array(record: _Record) -> npt.NDArray[Any]:
    """Return the array that a record stands for, of plain numbers, texts and None."""
    axes = None
    if isinstance(record, _Array):
        _, shape, kind, is_fortran, data = record.state
        order: Any = "F" if is_fortran else "C"
    elif isinstance(record, _BufferArray):
        data, kind, shape, order, *more = record.args
        order, axes = ("C", more[0]) if order == "K" else (order, None)
    else:
        raise ValueError(f"a {type(record).__name__.lstrip('_')} where an array must be")
    dtype = _dtype(kind)
    if dtype.hasobject:
        if not isinstance(data, list) or not {type(value) for value in data} <= {str, int, float, bool, type(None)}:
            raise ValueError("a column holds more than texts, numbers and None")
        array = np.empty(len(data), object)
        array[:] = data
        order = "C"  # NumPy lists objects row by row, however the array lies in memory
    else:
        array = np.frombuffer(_content(data), dtype)
    array = array.reshape(shape, order=order)
    return array if axes is None else array.transpose(axes)


def _dtype(record: _Record) -> np.dtype[Any]:
    kind = record.args[0] if isinstance(record, _DType) else None
    if not isinstance(kind, str) or not _DTYPES.fullmatch(kind):
        raise ValueError(f"numbers of type {kind!r}")
    order = record.state[1] if record.state else "="
    return np.dtype(f"{order if order in ('<', '>') else '='}{kind}")


def _content(data: Any) -> bytes:
    """Return bytes, which nothing else can be taken for: bytes(10**12) would be as many zeros."""
    if not isinstance(data, bytes | bytearray):
        raise ValueError(f"a {type(data).__name__} where bytes must be")
    return bytes(data)


def _index(index: _NewIndex) -> list[Any]:
    data = index.args[1]["data"]
    return list(_strings(data) if isinstance(data, _StringArray) else _array(data))


def _strings(array: _StringArray) -> npt.NDArray[Any]:
    """Return a pandas 3 column of texts, from Arrow's layout of a "large_string": valid bits, 64-bit ends, UTF-8."""
    kind, length, _, offset, (valid, ends, text), *_ = array.state["_pa_array"].args[0]
    if kind.args != ("large_string",):
        raise ValueError(f"a column of type {kind.args[0]}")
    places = np.frombuffer(_content(ends.args[0]), np.int64)[offset : offset + length + 1]
    letters = _content(text.args[0]) if text is not None else b""
    known = np.ones(len(places) - 1, bool)
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(_content(valid.args[0]), np.uint8), bitorder="little")
        known = bits[offset : offset + length].astype(bool)
    found = [
        letters[start:end].decode() if there else None
        for start, end, there in zip(places[:-1], places[1:], known, strict=True)
    ]
    return np.array(found, dtype=object)
