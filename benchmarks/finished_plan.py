"""A plan whose stages are all done: how long until its table stands there, without TensorFlow."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import table
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import Stage, plan
from tf_lottery.experiments.results_row import identity
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve

_COMMAND = Path(__file__).resolve().parents[1] / "run_experiment.py"


def report(*, rounds: int, quick: bool) -> str:
    """Make a store of finished stages, run their command on it, and return the table of its times."""
    densities, retrain_epochs = (4, 2) if quick else (37, 18)
    grid = Grid(
        network="lenet_300_100",
        dataset="digits",
        training=resolve("lenet_digits", examples=1297),
        heuristics=("global_magnitude",),
        schedule="one_shot",
        techniques=("fine_tune", "weight_rewind", "lr_rewind", "low_lr_weight_rewind", "reinit"),
        densities=tuple(round(0.99 * 0.9**level, 4) for level in range(densities)),
        retrain_epochs=tuple(float(t) for t in range(1, retrain_epochs + 1)),
        trials=3,
        seed=0,
    )
    stages = plan(grid.specs())
    with tempfile.TemporaryDirectory() as folder:
        work(stages, Store(Path(folder)), _Pretend(Store(Path(folder))), lambda *_: None)
        flags = [
            f"--strategy={','.join(grid.techniques)}",
            "--schedule=one_shot",
            f"--density={','.join(map(str, grid.densities))}",
            f"--retrain_epochs={','.join(f'{t:g}' for t in grid.retrain_epochs)}",
            f"--output_dir={folder}",
        ]
        rows = [
            (what, f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}", aim)
            for what, seconds, aim in (
                ("to the final table", _times(flags, rounds, "dense "), "2"),
                ("the whole command", _times(flags, rounds, None), ""),
                ("--dry_run", _times([*flags, "--dry_run"], rounds, None), ""),
            )
        ]
    return f"### The same command again on {len(stages):,} finished stages\n\n" + table(
        ("what", "seconds", "lowest to highest", "aim"), rows
    )


class _Pretend:
    """Does a stage by writing the result that a training would have."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, stage: Stage) -> None:
        folder = self._store.partial(stage.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.json").write_text(json.dumps(stage.spec.to_json()))
        number = int(stage.spec.digest[:6], 16) / 16**6
        measured: dict[str, Any] = {
            "status": "done", "test_accuracy": 0.9 + number / 100, "validation_accuracy": 0.9 + number / 100,
            "test_loss": 0.3, "validation_loss": 0.3, "flops": 1000, "dense_flops": 2000, "kept_weights": 100,
            "prunable_weights": 200, "environment": "00000000", "environment_record": {}, "steps": 100,
            "wall_seconds": 1.0,
        }  # fmt: skip
        self._store.commit(stage.name, identity(stage.spec) | measured)


def _times(flags: list[str], rounds: int, until: str | None) -> list[float]:
    """Return the seconds until a line of the output begins so, or until the command ends."""
    seconds = []
    for _ in range(rounds + 1):  # the first one warms the disk cache
        began = time.perf_counter()
        with subprocess.Popen([sys.executable, str(_COMMAND), *flags], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None  # noqa: S101 - by the arguments above
            for line in process.stdout:
                if until is not None and line.lstrip().startswith(until):
                    seconds.append(time.perf_counter() - began)
        if process.returncode:
            raise RuntimeError(f"the command ended with status {process.returncode}.")
        if until is None:
            seconds.append(time.perf_counter() - began)
    return seconds[1:]
