"""Values of flags: names looked up in their tables, numbers within their bounds, and the sentence if they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_lottery.command.flags import FLAGS
from tf_lottery.command.numbers import Number
from tf_lottery.datasets.known import DATASETS
from tf_lottery.lookup import lookup
from tf_lottery.networks import registry as networks
from tf_lottery.networks.network import Network
from tf_lottery.pruning.heuristic import Shapes


class UsageError(Exception):
    """What the user asked for cannot be."""


def check_not_empty(flag: str) -> None:
    """Refuse `--flag=` and `--flag=a,,b`: a shell's variable is unset, or something was left out."""
    value = FLAGS[flag].value
    if value in ("", []):
        several = " or more, with commas" if value == [] else " value"
        raise UsageError(f"--{flag} is empty: expected one{several}. Leave the flag out for its default.")
    if isinstance(value, list) and "" in value:
        raise UsageError(f"--{flag}={','.join(value)}: nothing stands before or after a comma. Expected a value there.")


def known(flag: str, table: Mapping[str, Any]) -> None:
    """Look up the flag's name, or each of its names, if it has any."""
    value = FLAGS[flag].value
    for name in value if isinstance(value, list) else [] if value is None else [value]:
        try:
            lookup(flag, table, name)
        except ValueError as error:
            raise UsageError(f"--{flag}={name}: {error}") from None


def network() -> Network:
    """Return the network of --network; UsageError if there is none of this name."""
    try:
        return networks.find(FLAGS.network)
    except ValueError as error:
        message = str(error).removeprefix(f"network {FLAGS.network!r}: ")
        raise UsageError(f"--network={FLAGS.network}: {message}") from None


def kernel_shapes() -> Shapes:
    """Return the shape of each kernel of the network on the dataset, by name; {} where they are not known unbuilt."""
    shapes, dataset = network().kernel_shapes, DATASETS[FLAGS.dataset]
    return shapes(shape=dataset.shape, classes=dataset.classes) if shapes else {}


def numbers(flag: str, bounds: Number) -> tuple[float, ...]:
    """Return the numbers of a flag that takes a list, each once; UsageError for what is none, or out of bounds."""
    return tuple(dict.fromkeys(number(flag, text, bounds) for text in FLAGS[flag].value or ()))


def number(flag: str, text: str, bounds: Number) -> float:
    """Return the number that a flag's text stands for; UsageError if it is none, or out of bounds."""
    try:
        return float(bounds.parse(text))
    except ValueError as error:
        raise UsageError(f"--{flag}={text}: {error}") from None
