"""Draw the figures after Han et al. 2015 from run stores: python -m paper_figures.han --store=runs/han_mnist."""

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

from . import han_figures, han_numbers
from .han_claims import Tables, claims_table
from .han_store import HanRun, read
from .look import STYLE
from .save import whole

# The same numbers make the same bytes: no dates.
_METADATA: Mapping[str, Mapping[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write figures, each with its numbers as CSV, the table by layer, and the claims."""
    parser = argparse.ArgumentParser(prog="python -m paper_figures.han", description=__doc__)
    parser.add_argument("--store", type=Path, action="append", required=True, help="the --output_dir of a run")
    parser.add_argument("--output_dir", type=Path, default=Path("figures/han"), help="[figures/han]")
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


def write(runs: Sequence[HanRun], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write everything, and return the paths.

    Args:
        runs: Of at least the parts `l2` and `iterative` of each network.
        folder: Made if it is not there.
        formats: svg, png or both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tradeoff, sensitivity = han_numbers.tradeoff(runs), han_numbers.sensitivity(runs)
    drawn: dict[str, tuple[pd.DataFrame, Figure]] = {}
    tables = {}
    style: Any = dict(STYLE) | {"svg.hashsalt": "han"}  # names that only Matplotlib's stubs know one by one
    with mpl.rc_context(style):
        drawn["tradeoff"] = tradeoff, han_figures.tradeoff_figure(tradeoff, "print")
        drawn["sensitivity"] = sensitivity, han_figures.sensitivity_figure(sensitivity, "print")
        for run in runs:
            counts = han_numbers.histogram(run)
            drawn[f"histogram-{run.network}"] = counts, han_figures.histogram_figure(counts, "print")
            pixels = None
            if run.network == "lenet_300_100":
                pixels = han_numbers.mask_of_pixels(run)
                figure = han_figures.mask_figure(han_numbers.mask_positions(run), pixels, "print")
                drawn[f"mask-{run.network}"] = pixels, figure
            tables[run.network] = Tables(
                tradeoff=tradeoff[tradeoff.network == run.network],
                sensitivity=sensitivity[sensitivity.network == run.network],
                histogram=counts,
                pixels=pixels,
            )
        paths = [
            path for name, (numbers, figure) in drawn.items() for path in _save(folder / name, numbers, figure, formats)
        ]
    more = {"layers": han_numbers.layer_table(runs), "claims": claims_table(tables)}
    return [*paths, *(_csv(folder / name, table) for name, table in more.items())]


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
