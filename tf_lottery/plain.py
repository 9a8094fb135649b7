"""Frozen data as plain values, so that a field that comes later does not rename what was done before it came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any


def later(default: Any) -> Any:
    """Return a dataclass field that was added later: at its default it is left out of `plain`.

    Args:
        default: What all that was done before the field came has; never to be changed again.
    """
    return field(default=default, metadata={"later": True})


def plain(data: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return a dataclass' fields as plain values, in their order, those of dataclasses in it too.

    Fields made by `later` are left out at their default: a digest of the rest is what it was before the field came.

    Args:
        data: A dataclass.
        without: Names of its fields to leave out.
    """
    found = {}
    for each in fields(data):
        if each.name in without:
            continue
        value = getattr(data, each.name)
        if each.metadata.get("later") and each.default is not MISSING and value == each.default:
            continue
        found[each.name] = plain(value) if is_dataclass(value) else value
    return found
