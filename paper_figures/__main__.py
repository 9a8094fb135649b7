"""`python -m paper_figures` is `python paper_figures/make.py`."""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of a Ctrl-C during the import

from .console import console

if __name__ == "__main__":
    console()
