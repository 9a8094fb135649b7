"""The executor that runs stages in this process, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tf_lottery.experiments.executors.executor import Execution, Reporter
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import import_quietly


class TooLittleMemoryError(Exception):
    """A stage that needs more memory than the machine or the GPU has."""


def run_inline(
    stages: Sequence[Stage],
    store: Store,
    execution: Execution,
    reporter: Reporter,
    *,
    import_tensorflow: Callable[[], None] = import_quietly,
) -> dict[str, dict[str, Any]]:
    """Run all stages here; TensorFlow is imported when the first one needs it.

    Raises:
        TooLittleMemoryError: Memory ran out, and the process was not killed for it.
    """
    runner: list[Any] = []

    def run(stage: Stage) -> None:
        try:
            if not runner:
                import_tensorflow()
                from tf_lottery.experiments.stage import StageRunner  # what it imports imports TensorFlow

                runner.append(StageRunner(store, execution, reporter.epoch))
            runner[0].run(stage)
        except Exception as error:
            if not _is_lack_of_memory(error):
                raise
            raise TooLittleMemoryError(
                f"stage {stage.name} needs more memory than there is ({_first_line(error)}). Expected room for the "
                "network, its gradients and a batch: use a smaller --batch_size or --network, --input=stream, or fewer "
                "--workers, and run again."
            ) from error

    return work(stages, store, run, reporter.ended)


def _is_lack_of_memory(error: Exception) -> bool:
    """Say whether memory ran out: TensorFlow's class for it is that for a full disk too, or too many open files."""
    if type(error).__name__ == "ResourceExhaustedError":  # by its name: TensorFlow may not be imported
        return re.search(r"OOM|memory|alloc", str(error), re.IGNORECASE) is not None
    return isinstance(error, MemoryError)


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


EXECUTORS = {"inline": run_inline}
