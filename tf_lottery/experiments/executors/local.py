"""The executor that shares the stages among several processes of this machine."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tf_lottery.children import end_with_parent, left_to_this_process
from tf_lottery.experiments.executors.deaths import OutOfMemoryKills, WorkerDiedError, how_it_ended
from tf_lottery.experiments.executors.executor import Execution, Reporter
from tf_lottery.experiments.executors.inline import run_inline
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.executors.workers import threads_for, workers_for
from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import import_quietly, tf
from tf_lottery.streams import outlive_streams

# A signal for all processes of a command, as a closed terminal's, may reach a worker first.
_SECONDS_FOR_A_SIGNAL = 0.3


def run_local(
    stages: Sequence[Stage], store: Store, execution: Execution, reporter: Reporter
) -> dict[str, dict[str, Any]]:
    """Run all stages on `execution.workers` processes, each with its share of the cores.

    Raises:
        Exception: What a worker met, as `run_inline` raises it.
        WorkerDiedError: A worker was killed.
    """
    todo = [stage for stage in stages if not store.is_done(stage.name)]
    workers_asked = execution.workers or workers_for(stages)
    count = min(workers_asked, len(todo))
    # Spawn, not fork: TensorFlow hangs in a forked child.
    context = multiprocessing.get_context("spawn")
    kills = OutOfMemoryKills()
    workers = []
    for number in range(1, count + 1):
        error, sender = context.Pipe(duplex=False)
        arguments = (stages, store.root, execution, workers_asked, sender)
        worker = context.Process(target=_work, args=arguments, name=f"worker {number}", daemon=True)
        with left_to_this_process():
            worker.start()
        sender.close()  # the worker has the only one now: at its end the pipe ends
        workers.append((worker, error))

    def wait(seconds: float) -> None:
        for worker, error in workers:
            if worker.exitcode == 0 or not error.poll():
                continue
            time.sleep(_SECONDS_FOR_A_SIGNAL)
            try:
                raise error.recv()  # the first is enough: others may have met the same
            except EOFError:
                worker.join()
            if worker.exitcode:
                how = how_it_ended(worker.exitcode, kills)
                raise WorkerDiedError(f"{worker.name} (process {worker.pid}) {how}")
        time.sleep(seconds)

    return work(stages, store, None, reporter.ended, wait)


EXECUTORS = {"local": run_local}


class _Silent:
    def epoch(self, stage: Stage, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Say nothing: the parent tells what it sees in the store."""

    def ended(self, stage: Stage, result: Mapping[str, Any]) -> None:
        """Say nothing."""


def _work(stages: Sequence[Stage], root: Path, execution: Execution, workers: int, error: Connection) -> None:
    """Be one worker: end with the parent, whichever way that ends, and leave errors to it."""
    end_with_parent()
    outlive_streams()
    try:
        begin = partial(_import_with_a_share_of_the_cores, workers)
        run_inline(stages, Store(root), execution, _Silent(), import_tensorflow=begin)
    except Exception as met:  # noqa: BLE001 - the parent raises it again
        error.send(_sendable(met))
        sys.exit(1)


def _sendable(error: Exception) -> Exception:
    """Return the error with its traceback as a note, or one that says the same if it cannot go to another process."""
    where = f"In a worker process:\n{traceback.format_exc()}"
    error.add_note(where)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - any class may refuse in its own way
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(where)
    return error


def _import_with_a_share_of_the_cores(workers: int) -> None:
    import_quietly()
    threads = threads_for(workers)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
