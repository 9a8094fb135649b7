"""The command that draws an experiment's figures from run stores: its flags, its errors, its files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tf_lottery.lookup import lookup

from .save import whole

# The same numbers make the same bytes: no dates.
_METADATA: Mapping[str, Mapping[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}


def draw(
    name: str,
    description: str | None,
    arguments: Sequence[str] | None,
    *,
    read: Callable[[Path], Sequence[Any]],
    write: Callable[[Sequence[Any], Path, Sequence[str]], list[Path]],
) -> int:
    """Read stores, write figures, print where they are; return the exit status.

    Args:
        name: Of the experiment: `python -m paper_figures.NAME`.
        description: What `--help` says of it.
        arguments: Of the command line; None for those of the process.
        read: The runs of a store, each with the `network` that they are ordered by.
        write: From runs, folder and formats to the paths of what was written.
    """
    parser = argparse.ArgumentParser(prog=f"python -m paper_figures.{name}", description=description)
    parser.add_argument("--store", type=Path, action="append", required=True, help="the --output_dir of a run")
    parser.add_argument("--output_dir", type=Path, default=Path(f"figures/{name}"), help="[%(default)s]")
    parser.add_argument("--formats", default="svg,png", help="what to write beside CSV, with commas [%(default)s]")
    flags = parser.parse_args(arguments)
    try:
        runs = sorted((run for root in flags.store for run in read(root)), key=lambda run: run.network)
        for kind in (formats := flags.formats.split(",")):
            lookup("format", _METADATA, kind)
        paths = write(runs, flags.output_dir, formats)
    except (OSError, ValueError) as error:
        print(f"paper_figures: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(str, paths)))
    return 0


def save(path: Path, numbers: pd.DataFrame, figure: Figure, formats: Sequence[str]) -> list[Path]:
    """Write a figure in each format, and its numbers; return the paths."""
    written = [save_table(path, numbers)]
    for kind in formats:
        target = path.with_name(f"{path.name}.{kind}")
        with whole(target) as beside:
            figure.savefig(beside, format=kind, metadata=dict(_METADATA[kind]))
        written.append(target)
    return written


def save_table(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV with six digits; return its path."""
    target = path.with_name(f"{path.name}.csv")
    with whole(target) as beside:
        table.to_csv(beside, index=False, lineterminator="\n", float_format="%.6g")
    return target
