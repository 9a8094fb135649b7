"""How long models take for one example, measured side by side on one core."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tf_lottery.lazy_tf import tf

_ROUNDS, _ROUND = 5, 0.05  # each model's turns, and seconds of one
_TASKS = Path("/proc/self/task")  # a folder for each thread, on Linux


def side_by_side(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Return the milliseconds of each call: the least median of its turns, which come one after the other.

    On one core, where the system can hold a process there (Linux); elsewhere with all threads that TensorFlow takes.
    """
    turns: list[list[float]] = [[] for _ in calls]
    with _on_one_core():
        for call in calls:  # traced and warm
            call()
            call()
        for _ in range(_ROUNDS):
            for call, medians in zip(calls, turns, strict=True):
                medians.append(_median(call))
    return [1000 * min(medians) for medians in turns]


def first_example(model: Any, inputs: Any) -> Any:
    """Return the first example of a batch, as a batch of one; the whole of it if the model fixes the batch size."""
    if any(tensor.shape[0] is not None for tensor in model.inputs):
        return inputs
    return tf.nest.map_structure(_first, inputs)


def _first(values: Any) -> Any:
    if isinstance(values, tf.SparseTensor):
        return tf.sparse.slice(values, [0] * len(values.shape), [1, *values.dense_shape[1:]])
    return values[:1]


def _median(call: Callable[[], Any]) -> float:
    seconds: list[float] = []
    end = time.perf_counter() + _ROUND
    while not seconds or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _tasks() -> list[int]:
    return [int(folder.name) for folder in _TASKS.iterdir()]


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Hold all threads of this process on one core: TensorFlow's number of threads is fixed once it has begun."""
    if not (hasattr(os, "sched_setaffinity") and _TASKS.exists()):
        yield
        return
    held: dict[int, set[int]] = {}
    core = {max(os.sched_getaffinity(0))}
    try:
        for task in _tasks():
            with suppress(ProcessLookupError):  # it ended
                held[task] = os.sched_getaffinity(task)
                os.sched_setaffinity(task, core)
        yield
    finally:
        everywhere = set().union(*held.values())
        for task in _tasks():  # those that began here, too
            with suppress(ProcessLookupError):
                os.sched_setaffinity(task, held.get(task, everywhere))
