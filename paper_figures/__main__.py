"""`python -m paper_figures` is `python paper_figures/make.py`."""

from __future__ import annotations

import sys

from .make import main

if __name__ == "__main__":
    sys.exit(main())
