"""`python -m tf_lottery.check STORE`: does what every run store must fulfil hold in this one?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_lottery.experiments.properties import check
from tf_lottery.experiments.store import Store, StoreError


def main(argv: Sequence[str] | None = None) -> int:
    """Print what does not hold; return the exit status: 0 if all holds, 1 if not, 2 if there is nothing to check."""
    parser = argparse.ArgumentParser(prog="python -m tf_lottery.check", description=__doc__)
    parser.add_argument("store", type=Path, help="the --output_dir of a run")
    root: Path = parser.parse_args(argv).store
    if not (root / "stages").is_dir():
        return _complain(f"{root} is no run store: it has no folder stages. Expected the --output_dir of a run.", 2)
    try:
        found = check(Store(root))
    except StoreError as error:
        return _complain(str(error), 2)
    for fault in found.faults:
        print(fault)
    print(f"{root}: {found.stages} finished stages checked, {len(found.faults)} faults")
    for why, times in sorted(found.unchecked.items()):
        print(f"not checked in {times} stages: {why}")
    return 1 if found.faults else 0


def _complain(message: str, status: int) -> int:
    print(f"check: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
