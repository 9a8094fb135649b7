"""`python -m paper_figures RESULTS.csv FOLDER` draws every figure that a results table has the rows for."""

from __future__ import annotations

import sys
from pathlib import Path

from paper_figures.save import save_figures
from tf_lottery.results import read


def main(arguments: list[str]) -> int:
    """Draw, print the paths, and return the exit status."""
    if len(arguments) != 2:
        print("usage: python -m paper_figures RESULTS.csv FOLDER", file=sys.stderr)
        return 2
    try:
        paths = save_figures(read(Path(arguments[0])), Path(arguments[1]))
    except (OSError, ValueError) as error:
        print(f"paper_figures: {error}", file=sys.stderr)
        return 1
    print(*paths, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
