"""Linear mode connectivity: the error along the line between two networks that saw the examples in other orders.

Frankle et al. 2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis" (sections 2 and 3): two copies of a
network are trained from one state, with other orders of the data and other augmentation. If no network on the straight
line between the two has a higher error than they have, the state was stable.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays
from tf_lottery.experiments.finished import Finished, finished
from tf_lottery.experiments.store import Store
from tf_lottery.training.engine import Engine

POINTS = 30  # the paper's
STABLE = 0.02  # of the error: the paper's threshold, 2 points
BATCH_NORM_EXAMPLES = 10_000

COLUMNS = (
    *("network", "dataset", "training", "seed", "trial", "technique", "heuristic", "schedule", "density"),
    *("rewind_step", "data_order_one", "data_order_other", "part", "test_error", "test_loss", "batch_norm"),
)
SUMMARY = (
    *COLUMNS[: COLUMNS.index("part")],
    *("barrier", "barrier_loss", "part_of_highest", "stable", "test_accuracy"),
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two copies that differ in nothing but the order of the examples."""

    one: Finished
    other: Finished

    @property
    def identity(self) -> dict[str, Any]:
        """The columns that say which pair it is."""
        result, training = self.one.result, self.one.training
        named = {column: result[column] for column in COLUMNS[: COLUMNS.index("rewind_step")]}
        return named | {
            "heuristic": self.one.spec["heuristic"],
            "rewind_step": training.total_steps - training.steps_in(self.one.spec["retrain_epochs"]),
            "data_order_one": _order(self.one),
            "data_order_other": _order(self.other),
        }


def pairs(store: Store) -> list[Pair]:
    """Return all pairs of copies in a store: --data_order_seed with two seeds or more makes them."""
    alike = defaultdict[tuple[Any, ...], list[Finished]](list)
    for stage in finished(store):
        if not stage.is_dense and _order(stage):
            spec = {name: value for name, value in stage.spec.items() if name not in ("digest", "data_order_seed")}
            alike[tuple(sorted((name, str(value)) for name, value in spec.items()))].append(stage)
    return [
        Pair(one=one, other=other)
        for copies in alike.values()
        for one, other in itertools.combinations(sorted(copies, key=_order), 2)
    ]


def between(one: Arrays, other: Arrays, part: float) -> Arrays:
    """Return the state at this part of the way from one to the other: weights on the line, all else as in the one.

    What both have as 0, such as pruned weights, stays 0. Computed in float64, so that the ends are the copies.
    """
    mixed = dict(one)
    for name, first in one.items():
        if name.startswith("weights/") and np.issubdtype(first.dtype, np.floating):
            line = (1 - part) * first.astype(np.float64) + part * other[name].astype(np.float64)
            mixed[name] = line.astype(first.dtype)
    return mixed


def line_rows(pair: Pair, store: Store, engine: Engine, points: int = POINTS) -> Iterator[dict[str, Any]]:
    """Yield error and loss on test data at `points` places from the one copy to the other, both ends included.

    Batch norm's statistics are not on the line: of each network they are computed anew, from the first 10,000 examples
    of the training split, as they are, not augmented.
    """
    ends = [checkpoint.read(store.final(copy.name))[0] for copy in (pair.one, pair.other)]
    for part in np.linspace(0, 1, points):
        engine.put_state(between(ends[0], ends[1], float(part)), keep_masks=False)
        has_batch_norm = engine.renew_batch_norm(BATCH_NORM_EXAMPLES)
        found = engine.evaluate("test")
        yield pair.identity | {
            "part": float(part),
            "test_error": 1 - found.accuracy,
            "test_loss": found.loss,
            "batch_norm": "recomputed" if has_batch_norm else "none",
        }


def summary(rows: Sequence[Mapping[str, Any]], pair: Pair) -> dict[str, Any]:
    """Return the barrier of one line: its highest error minus the mean of its two ends'; stable below two points.

    `test_accuracy` is the mean of the two copies as they ended, to set stability against.
    """
    return (
        pair.identity
        | barrier([row["test_error"] for row in rows], [row["part"] for row in rows])
        | {
            "barrier_loss": barrier([row["test_loss"] for row in rows], [row["part"] for row in rows])["barrier"],
            "test_accuracy": (pair.one.result["test_accuracy"] + pair.other.result["test_accuracy"]) / 2,
        }
    )


def barrier(errors: Sequence[float], parts: Sequence[float]) -> dict[str, Any]:
    """Return by how much the highest of these errors is above the mean of the first and the last, and where it is."""
    highest = int(np.argmax(errors))
    height = errors[highest] - (errors[0] + errors[-1]) / 2
    return {"barrier": height, "part_of_highest": parts[highest], "stable": bool(height < STABLE)}


def _order(stage: Finished) -> int:
    return int(stage.spec.get("data_order_seed", 0))
