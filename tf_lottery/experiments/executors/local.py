"""The executor that shares the stages among several processes of this machine."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tf_lottery.experiments.executors.executor import Execution, Reporter
from tf_lottery.experiments.executors.inline import run_inline
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.executors.workers import threads_for, workers_for
from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import Store, StoreError, explain
from tf_lottery.lazy_tf import import_quietly, tf


class WorkerDiedError(Exception):
    """A worker process ended before the plan did."""


def run_local(
    stages: Sequence[Stage], store: Store, execution: Execution, reporter: Reporter
) -> dict[str, dict[str, Any]]:
    """Run all stages on `execution.workers` processes, each with its share of the cores.

    Raises:
        WorkerDiedError: A worker was killed or met an error; it said which.
    """
    todo = [stage for stage in stages if not store.is_done(stage.name)]
    workers_asked = execution.workers or workers_for(stages)
    count = min(workers_asked, len(todo))
    # Spawn, not fork: TensorFlow hangs in a forked child.
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(
            target=_work, args=(stages, store.root, execution, workers_asked), name=f"worker {number}", daemon=True
        )
        for number in range(1, count + 1)
    ]
    for worker in workers:
        worker.start()

    def wait(seconds: float) -> None:
        for worker in workers:
            if worker.exitcode:
                raise WorkerDiedError(
                    f"{worker.name} (process {worker.pid}) ended with status {worker.exitcode} before its work was "
                    "done. If it was killed for memory, use fewer --workers. Run the same command to go on."
                )
        time.sleep(seconds)

    return work(stages, store, None, reporter.ended, wait)


EXECUTORS = {"local": run_local}


class _Silent:
    def epoch(self, stage: Stage, metrics: Mapping[str, float], images_per_second: float) -> None:
        """Say nothing: the parent tells what it sees in the store."""

    def ended(self, stage: Stage, result: Mapping[str, Any]) -> None:
        """Say nothing."""


def _work(stages: Sequence[Stage], root: Any, execution: Execution, workers: int) -> None:
    """Be one worker: end with the parent, whichever way that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _share_cores(workers)
    try:
        run_inline(stages, Store(root), execution, _Silent())
    except (OSError, StoreError) as error:
        message = explain(error, root) if isinstance(error, OSError) else str(error)
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - the parent has no other way to know
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _share_cores(workers: int) -> None:
    import_quietly()
    threads = threads_for(workers)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
