"""Draw the figures after Molchanov et al. 2017: python -m paper_figures.molchanov --store=runs/molchanov_mnist."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from tf_lottery.lookup import lookup

from . import molchanov_figures, molchanov_numbers
from .look import STYLE
from .molchanov_store import MolchanovRun, read
from .save import whole

# The same numbers make the same bytes: no dates.
_METADATA: Mapping[str, Mapping[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write figures, each with its numbers as CSV, and the table of rank correlations."""
    parser = argparse.ArgumentParser(prog="python -m paper_figures.molchanov", description=__doc__)
    parser.add_argument("--store", type=Path, action="append", required=True, help="the --output_dir of a run")
    parser.add_argument("--output_dir", type=Path, default=Path("figures/molchanov"), help="[figures/molchanov]")
    parser.add_argument("--formats", default="svg,png", help="what to write beside CSV, with commas [%(default)s]")
    flags = parser.parse_args(arguments)
    try:
        runs = sorted((run for root in flags.store for run in read(root)), key=lambda run: run.network)
        for name in (formats := flags.formats.split(",")):
            lookup("format", _METADATA, name)
        paths = write(runs, flags.output_dir, formats)
    except (OSError, ValueError) as error:
        print(f"paper_figures: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(str, paths)))
    return 0


def write(runs: Sequence[MolchanovRun], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write everything, and return the paths.

    Args:
        runs: One or more networks.
        folder: Made if it is not there.
        formats: svg, png or both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    style: Any = dict(STYLE) | {"svg.hashsalt": "molchanov"}  # names that only Matplotlib's stubs know one by one
    with mpl.rc_context(style):
        for run in runs:
            drawn: dict[str, tuple[pd.DataFrame, Figure]] = {}
            counts, updates, ranks = (
                function([run])
                for function in (molchanov_numbers.counts, molchanov_numbers.updates, molchanov_numbers.ranks)
            )
            drawn["criteria"] = counts, molchanov_figures.criteria_figure(counts, "print")
            if len(updates):
                drawn["updates"] = updates, molchanov_figures.updates_figure(updates, "print")
            if len(ranks):
                drawn["ranks"] = ranks, molchanov_figures.ranks_figure(ranks, "print")
            for name, (numbers, figure) in drawn.items():
                paths += _save(folder / f"{name}-{run.network}", numbers, figure, formats)
    if len(correlations := molchanov_numbers.correlations(runs)):
        paths.append(_csv(folder / "correlations", correlations))
    return paths


def _save(path: Path, numbers: pd.DataFrame, figure: Figure, formats: Sequence[str]) -> list[Path]:
    written = [_csv(path, numbers)]
    for kind in formats:
        target = path.with_name(f"{path.name}.{kind}")
        with whole(target) as beside:
            figure.savefig(beside, format=kind, metadata=dict(_METADATA[kind]))
        written.append(target)
    return written


def _csv(path: Path, table: pd.DataFrame) -> Path:
    target = path.with_name(f"{path.name}.csv")
    with whole(target) as beside:
        table.to_csv(beside, index=False, lineterminator="\n", float_format="%.6g")
    return target


if __name__ == "__main__":
    sys.exit(main())
