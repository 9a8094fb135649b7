"""From a command line to an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Before TensorFlow is imported: convolutions on a CPU are two to three times as fast with oneDNN, which is not on by
# default on every processor; and TensorFlow's own start-up notes are no news to anybody.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import logging

from tf_lottery.command.asked import execution, grids
from tf_lottery.command.flag_values import UsageError
from tf_lottery.command.flags import FLAGS, complain
from tf_lottery.command.report import dry_run, listing, report, results_of
from tf_lottery.datasets.dataset import DamagedDataError, MissingDataError
from tf_lottery.datasets.registry import find as find_dataset
from tf_lottery.experiments.cost import epochs_of, estimated_seconds
from tf_lottery.experiments.executors.deaths import WorkerDiedError
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.inline import TooLittleMemoryError
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.plan import Stage, plan
from tf_lottery.experiments.progress import Progress, duration
from tf_lottery.experiments.results_row import WrongDensityError
from tf_lottery.experiments.store import Store, StoreError, explain
from tf_lottery.home import expanded
from tf_lottery.interrupt import end_at_once_in_long_calls, unwind
from tf_lottery.scratch import own_temporary_folder

FAREWELL = "Stopped. What is done is kept: run the same command to go on."


def main(argv: Sequence[str]) -> int:
    """Do what the flags say, and return the exit status."""
    if not FLAGS["verbosity"].present:  # absl tells every INFO of a program unless told otherwise
        logging.set_verbosity(logging.WARNING)
    try:
        if len(argv) > 1:
            raise UsageError(f"unexpected {argv[1]!r}: flags begin with --, and lists take commas without spaces.")
        if FLAGS.list:
            print(listing())
            return 0
        asked = grids()
        how = execution()
        stages = plan(spec for grid in asked for spec in grid.specs())
        root = _output_folder()
        if FLAGS.dry_run:
            print(dry_run(stages, Store(root) if (root / "stages").is_dir() else None))
            return 0
        find_dataset(FLAGS.dataset, data_dir=how.data_dir, download=how.download)
        return _run(stages, root, how)
    except (UsageError, ValueError) as error:
        return complain(error, status=2)
    except (
        DamagedDataError, MissingDataError, StoreError, TooLittleMemoryError, WorkerDiedError, WrongDensityError,
    ) as error:  # fmt: skip
        return complain(error, status=1)
    except OSError as error:
        return complain(explain(error, Path(FLAGS.output_dir)), status=1)


def _output_folder() -> Path:
    try:
        root = expanded(FLAGS.output_dir)
        root.absolute()
    except ValueError as error:
        raise UsageError(f"--output_dir={error}") from None
    except FileNotFoundError:
        raise UsageError(
            f"--output_dir={FLAGS.output_dir}: the working folder was removed. Expected a folder that is there: change "
            "into one (cd), or give a whole path."
        ) from None
    return root


def _run(stages: Sequence[Stage], root: Path, how: Execution) -> int:
    store = Store(root)
    if FLAGS.retry_failed:
        for stage in stages:
            if (result := store.result(stage.name)) and result["status"] != "done":
                store.forget(stage.name)
    done = {stage.name for stage in stages if store.is_done(stage.name)}
    todo = [stage for stage in stages if stage.name not in done]
    if todo:
        estimate = duration(estimated_seconds(todo, results_of(stages, store)))
        found = f", {len(done)} are done" if done else ""
        print(
            f"{len(stages)} stages{found}; {epochs_of(todo):g} epochs to train, about {estimate} in one process",
            file=sys.stderr,
        )
    own_temporary_folder(root)
    end_at_once_in_long_calls(FAREWELL)
    results = EXECUTORS[FLAGS.executor](stages, store, how, Progress(stages, done))
    unwind()
    return report(stages, results, store, root)
