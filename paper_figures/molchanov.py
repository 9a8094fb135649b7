"""Draw the figures after Molchanov et al. 2017: python -m paper_figures.molchanov --store=runs/molchanov_mnist."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from . import molchanov_figures, molchanov_numbers
from .look import STYLE
from .molchanov_store import MolchanovRun, read
from .store_command import draw, save, save_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Write figures, each with its numbers as CSV, and the table of rank correlations."""
    return draw("molchanov", __doc__, arguments, read=read, write=write)


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
                paths += save(folder / f"{name}-{run.network}", numbers, figure, formats)
    if len(correlations := molchanov_numbers.correlations(runs)):
        paths.append(save_table(folder / "correlations", correlations))
    return paths


if __name__ == "__main__":
    sys.exit(main())
