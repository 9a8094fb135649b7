"""Checks of arguments at the library's borders: one sentence that says what was given, what is expected, what to do."""

from __future__ import annotations

import numbers
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np


def number(name: str, value: Any) -> float:
    """Return a real number as a float.

    Args:
        name: Of the argument, as the caller writes it.
        value: A Python or NumPy number, or an array of one.

    Raises:
        TypeError: Something else.
    """
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {_shown(value)}; expected a number.")
    return float(value)


def integer(name: str, value: Any, *, least: int) -> int:
    """Return a whole number as an int.

    Raises:
        TypeError: Not a whole number.
        ValueError: Below `least`.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {_shown(value)}; expected a whole number, {least} or more.")
    if value < least:
        raise ValueError(f"{name} is {value}; expected {least} or more.")
    return int(value)


def names(name: str, value: Any) -> tuple[str, ...]:
    """Return one name, or several in any collection, as a tuple.

    Raises:
        TypeError: Something else than names.
    """
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Collection) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{name} is {_shown(value)}; expected a name, or a list of names.")
    return tuple(value)


def path(name: str, value: Any) -> Path:
    """Return a path.

    Raises:
        TypeError: Neither text nor a path.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(value, bytes):
        raise TypeError(f"{name} is {_shown(value)}; expected a path, as text or pathlib.Path.")
    return Path(value)


def _shown(value: Any) -> str:
    """Return the value for a message, with its type; short."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
