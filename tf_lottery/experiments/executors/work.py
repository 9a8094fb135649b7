"""The loop that every executor runs: take a stage that is ready and that nobody else holds, until none is left.

The store is all that processes share: a stage's lock says that somebody works on it, its folder that it is done. So
any number of processes, of one command or of several, share a plan without ever doing a stage twice.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import Any

from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import ParentLostError, Store
from tf_lottery.experiments.waiting import Patience

_SECONDS_BETWEEN_LOOKS = 0.1

Result = dict[str, Any]


def work(
    stages: Sequence[Stage],
    store: Store,
    run: Callable[[Stage], None] | None,
    ended: Callable[[Stage, Result], None],
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Result]:
    """Do all stages that others do not, wait for those that others do, and return every stage's result by name.

    Args:
        stages: Parents first.
        store: Where results are.
        run: Does a stage; called with its lock held, its parents done. None: others do all of them.
        ended: Called for each stage that ended, whoever did it; again if it was damaged and is done again.
        wait: Called with some seconds when there is nothing to do but wait for others.
    """
    is_worker = multiprocessing.parent_process() is not None  # its parent sweeps, and says what all of them wait for
    swept = is_worker
    if not is_worker:
        store.sweep()
    results: dict[str, Result] = {}
    patience = Patience(store)
    waiting = list(stages)
    while waiting:
        before = len(waiting)
        still_waiting: list[Stage] = []
        for stage in waiting:
            result = store.result(stage.name) or _not_runnable(stage, results)
            if result is None and not swept:  # not where all is done: that is to be quick
                store.sweep_stages()
                swept = True
            if result is None and run is not None and all(name in results for name in stage.parents):
                try:
                    _try(stage, store, run)
                    result = store.result(stage.name)
                except ParentLostError as lost:
                    results.pop(lost.name)
                    still_waiting = [parent for parent in stages if parent.name == lost.name] + still_waiting
            if result is None:
                still_waiting.append(stage)
            else:
                results[stage.name] = result
                ended(stage, result)
        waiting = still_waiting
        if len(waiting) < before:
            patience.begin_anew()
        else:
            if not is_worker:
                patience.look(stage.name for stage in waiting if all(name in results for name in stage.parents))
            wait(_SECONDS_BETWEEN_LOOKS)
    return results


def _not_runnable(stage: Stage, results: dict[str, Result]) -> Result | None:
    for parent in stage.parents:
        if results.get(parent, {}).get("status") in ("failed", "not_run"):
            return {"status": "not_run", "message": f"its parent {parent} did not train"}
    return None


def _try(stage: Stage, store: Store, run: Callable[[Stage], None]) -> None:
    """Run the stage if its lock is free and nobody did it meanwhile."""
    with store.claim(stage.name) as mine:
        if mine and not store.is_done(stage.name):
            store.make_room(stage.name)
            run(stage)
