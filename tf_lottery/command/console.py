"""What starts the command: signals and streams first, then the imports, which take a while."""

from __future__ import annotations

import sys

from tf_lottery.interrupt import Interrupted, end_at_once
from tf_lottery.streams import outlive_streams, status_of


def console() -> None:
    """Be the command: parse, run, exit."""
    end_at_once()
    outlive_streams()
    from absl import app

    from tf_lottery.command.flags import complain, parse
    from tf_lottery.command.main import FAREWELL, main

    try:
        app.run(main, flags_parser=parse)
    except Interrupted as end:
        print(f"\n{FAREWELL}", file=sys.stderr)
        raise end
    except SystemExit as end:
        status, told = status_of(end.code if isinstance(end.code, int) else 0)
        if told:
            complain(told, status=status)
        sys.exit(status)
