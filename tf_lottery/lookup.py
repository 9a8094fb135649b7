"""Finding a row of a table by the name that a user typed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

Row = TypeVar("Row")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'X'?" for the known name most like `name`, or "" if none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def lookup(kind: str, table: Mapping[str, Row], name: str) -> Row:
    """Return `table[name]`.

    Raises:
        ValueError: No such name; the message has the nearest one and all that are known.
    """
    if name in table:
        return table[name]
    raise ValueError(f"unknown {kind} {name!r}.{nearest(name, table)} Known: {', '.join(sorted(table))}")


def merge(kind: str, *tables: Mapping[str, Row]) -> dict[str, Row]:
    """Return the tables of a folder's files as one.

    Raises:
        ValueError: Two files define the same name.
    """
    merged: dict[str, Row] = {}
    for table in tables:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"{kind} defined twice: {', '.join(sorted(twice))}. Rename one of them.")
        merged.update(table)
    return merged
