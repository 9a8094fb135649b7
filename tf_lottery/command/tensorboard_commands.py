"""What a run writes for TensorBoard at its end, and the commands that show it."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tf_lottery.command.hparam_columns import declare_columns
from tf_lottery.command.tensorboard_summary import write_summary
from tf_lottery.experiments.store import Store
from tf_lottery.results import table

RUNS_AT_ONCE = 38  # of more than 40 TensorBoard selects none by itself; the columns of HParams and old figures are two
_LONGEST_WAIT = 10.0  # seconds; it takes one


def show_in_tensorboard(
    store: Store, known: Sequence[Mapping[str, Any]], pictures: Sequence[Path], logs: Path
) -> list[str]:
    """Write the summary of the whole store and the columns of HParams, and return lines with the commands.

    Args:
        store: Where the results are.
        known: Results of the store that were read already.
        pictures: Figures, as PNG.
        logs: The folder of the events of the network and dataset in question.

    Raises:
        OSError: It cannot be written.
    """
    folder = store.root / "tensorboard"
    ended = time.monotonic() + _LONGEST_WAIT
    while True:
        # One process at a time, so that the last one to write has read what the others wrote.
        with store.claim("tensorboard") as mine:
            if mine or time.monotonic() > ended:
                every = table(store.results({str(result["stage"]): dict(result) for result in known}))
                own = every[every.dataset.eq(logs.parent.name) & every.network.eq(logs.name)]
                if own.empty:  # all failed
                    return [f"TensorBoard  {_command(logs)}"]
                runs = write_summary(every, pictures, folder)
                declare_columns(own, logs)
                break
        time.sleep(0.1)
    lines = [
        f"TensorBoard  {_command(seen_at_once(folder, runs, (logs.parent.name, logs.name)))}",
        "             then http://localhost:6006/?smoothing=0",
        f"in detail    {_command(logs)}",
    ]
    if filtered := run_filter(own):
        lines.append(f"             filter its runs by {filtered} and tick the box above them")
    return lines


def seen_at_once(folder: Path, runs: Sequence[str], names: Sequence[str]) -> Path:
    """Return the folder of these names, of dataset and network, if there are too many runs to be selected together."""
    if len(runs) > RUNS_AT_ONCE:
        for name in names:
            folder = folder / name if (folder / name).is_dir() else folder
    return folder


def run_filter(own: pd.DataFrame) -> str:
    """Return a regular expression for so few runs that they can be looked at together; "" if all are so few."""
    names = [stage.split("/", 2)[2] for stage in own.stage]
    pruned = own[own.technique != "dense"]
    if len(names) <= RUNS_AT_ONCE or pruned.empty:
        return ""
    first = pruned.iloc[0]
    trial, technique = f"trial_{first.trial:g}/", f"(dense|{first.technique})"
    narrower = (trial, trial + technique, f"{trial}{first.technique}.*-t{first.retrain_epochs:g}-")
    fits = (shape for shape in narrower if sum(bool(re.search(shape, name)) for name in names) <= RUNS_AT_ONCE)
    return next(fits, narrower[-1])


def _command(folder: Path) -> str:
    tensorboard = Path(sys.executable).with_name("tensorboard")
    words = [str(tensorboard)] if tensorboard.exists() else [sys.executable, "-m", "tensorboard.main"]
    return shlex.join([*words, "--logdir", str(folder)])
