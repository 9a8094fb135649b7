"""Draw the figures after Han et al. 2015 from run stores: python -m paper_figures.han --store=runs/han_mnist."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from . import han_figures, han_numbers
from .han_claims import Tables, claims_table
from .han_store import HanRun, read
from .look import STYLE
from .store_command import draw, save, save_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Write figures, each with its numbers as CSV, the table by layer, and the claims."""
    return draw("han", __doc__, arguments, read=read, write=write)


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
            path for name, (numbers, figure) in drawn.items() for path in save(folder / name, numbers, figure, formats)
        ]
    more = {"layers": han_numbers.layer_table(runs), "claims": claims_table(tables)}
    return [*paths, *(save_table(folder / name, table) for name, table in more.items())]


if __name__ == "__main__":
    sys.exit(main())
