"""The executor that runs stages in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tf_lottery.experiments.executors.executor import Execution, Reporter
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import import_quietly


def run_inline(
    stages: Sequence[Stage], store: Store, execution: Execution, reporter: Reporter
) -> dict[str, dict[str, Any]]:
    """Run all stages here; TensorFlow is imported when the first one needs it."""
    runner: list[Any] = []

    def run(stage: Stage) -> None:
        if not runner:
            import_quietly()
            from tf_lottery.experiments.stage import StageRunner  # what it imports imports TensorFlow

            runner.append(StageRunner(store, execution, reporter.epoch))
        runner[0].run(stage)

    return work(stages, store, run, reporter.ended)


EXECUTORS = {"inline": run_inline}
