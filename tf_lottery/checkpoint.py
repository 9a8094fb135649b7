"""A checkpoint: named arrays and plain metadata in one safetensors file that knows its own checksum.

Safetensors holds no code, but does not notice a flipped bit; so each file carries a SHA-256 of all that it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

Arrays = dict[str, npt.NDArray[Any]]


class DamagedCheckpointError(Exception):
    """A checkpoint file that is cut, changed, or no checkpoint at all."""


def write(path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write `path` whole or not at all: beside it first, then renamed.

    Args:
        path: The file; its folder exists.
        arrays: By name; any shape, any dtype that safetensors knows.
        metadata: What `json` can write, without NaN.

    Raises:
        OSError: The disk is full or the folder cannot be written; an older file of this name is still there.
    """
    # Not every array is contiguous, and safetensors 0.8 writes the raw buffer of one that is not: wrong values.
    whole = {name: np.array(array, order="C", copy=None) for name, array in arrays.items()}
    text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    # One entry: safetensors writes several in any order, and equal checkpoints must be equal files.
    header = {"tf_lottery": json.dumps({"metadata": text, "sha256": _digest(whole, text)})}
    content = safetensors.numpy.save(whole, metadata=header)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # random: in containers processes count from 1
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays and metadata of `path`.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedCheckpointError: It is not what `write` wrote.
    """
    content = path.read_bytes()
    try:
        arrays = safetensors.numpy.load(content)
        header = _header(content)
        intact = header["sha256"] == _digest(arrays, header["metadata"])
        metadata = json.loads(header["metadata"]) if intact else {}
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, struct.error) as error:
        raise DamagedCheckpointError(f"{path} is damaged: {error}. Expected a whole checkpoint.") from error
    if not intact:
        raise DamagedCheckpointError(f"{path} is damaged: its content does not match its SHA-256.")
    return arrays, metadata


def _header(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: 8 bytes of length, then JSON (the format's own definition)."""
    (length,) = struct.unpack("<Q", content[:8])
    return dict(json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["tf_lottery"]))


def _digest(arrays: Mapping[str, npt.NDArray[Any]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def array_digests(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, str]:
    """Return for each array the first 16 hexadecimal digits of the SHA-256 of its dtype, its shape and its bytes."""
    found = {}
    for name, array in arrays.items():
        digest = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
        found[name] = digest.hexdigest()[:16]
    return found
