"""What starts the command: signals and streams first, then the imports, which take a while."""

from __future__ import annotations

import sys

from tf_lottery.interrupt import Interrupted, end_at_once, unwind
from tf_lottery.scratch import own_temporary_folder
from tf_lottery.streams import outlive_streams, status_of


def console() -> None:
    """Be the command: draw, write, exit."""
    end_at_once()
    outlive_streams()
    own_temporary_folder()
    from .make import complain, main

    unwind()
    try:
        status = main()
    except Interrupted as end:
        complain("interrupted. What is written is whole; the same command again writes all of it.")
        raise end
    except SystemExit as end:  # of the parser
        status = end.code if isinstance(end.code, int) else 0
    status, told = status_of(status)
    if told:
        complain(told)
    sys.exit(status)
