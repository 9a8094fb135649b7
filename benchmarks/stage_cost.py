"""What a stage costs beside its training steps: restoring, pruning, evaluating, saving, logging; and what it traces."""

from __future__ import annotations

import gzip
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as run_experiment.py has it

from benchmarks.report import table
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import import_quietly
from tf_lottery.networks.recipes import default_recipe, resolve

_TECHNIQUES = ("fine_tune", "weight_rewind", "lr_rewind", "low_lr_weight_rewind")


def report(*, rounds: int, quick: bool) -> str:
    """Run short retrainings of a LeNet-300-100 and a ResNet-20, and return the table of what they took."""
    import_quietly()
    few = ("lenet_300_100_x0.1", "digits"), ("resnet8_x0.25", "digits")
    whole = ("lenet_300_100", "mnist"), ("resnet20", "mnist")
    rows = [row for network, dataset in (few if quick else whole) for row in _rows(network, dataset, rounds)]
    return (
        "### A retraining of a few steps, in a process that trained before\n\n"
        + table(("network", "what", "seconds, median of stages", "aim"), rows, text_columns=2)
        + "\n\nThe rest is restoring, pruning, saving and logging."
    )


def _rows(network: str, dataset: str, rounds: int) -> list[tuple[str, ...]]:
    from tf_lottery.experiments.stage import StageRunner  # imports TensorFlow

    examples = DATASETS[dataset].train_examples
    training = resolve(default_recipe(network, dataset), examples=examples, epochs=1)
    grid = Grid(
        network=network,
        dataset=dataset,
        training=training,
        heuristics=("global_magnitude",),
        schedule="one_shot",
        techniques=_TECHNIQUES,
        densities=tuple(0.9 - level / 20 for level in range(max(1, rounds // 2))),
        retrain_epochs=(4 * training.batch_size / examples,),
        trials=1,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        _write_noise(Path(folder), dataset)
        DATASETS[dataset] = replace(DATASETS[dataset], examples_digest=None)  # noise is no data set
        store = Store(Path(folder) / "runs")
        runner = StageRunner(store, Execution(data_dir=folder), lambda *_: None)
        dense, *stages = plan(grid.specs())
        runner.run(dense)
        engine = runner.engine(dense.spec.dense)
        traces = engine.traces
        watches = {name: _Stopwatch(engine, name) for name in ("train", "evaluate")}
        seconds: dict[str, list[float]] = {"whole": [], "train": [], "evaluate": []}
        for stage in stages:
            for watch in watches.values():
                watch.seconds = 0.0
            began = time.perf_counter()
            runner.run(stage)
            seconds["whole"].append(time.perf_counter() - began)
            for name, watch in watches.items():
                seconds[name].append(watch.seconds)
        if engine.traces != traces:
            raise RuntimeError(f"a later stage was traced anew: {traces} before, {engine.traces} after.")
    held_out = DATASETS[dataset].held_out_examples
    during = held_out // 5 / (held_out + held_out // 5)  # of the evaluations, those that `train` makes: validation
    evaluated = statistics.median(seconds["evaluate"])
    trained = statistics.median(seconds["train"]) - during * evaluated
    rest = statistics.median(
        whole - train - (1 - during) * evaluate for whole, train, evaluate in zip(*seconds.values(), strict=True)
    )
    aim = "0.3" if network.startswith("lenet") else "1"
    shape = "x".join(map(str, DATASETS[dataset].shape))
    return [
        (f"{network}, {shape}", "the whole stage", f"{statistics.median(seconds['whole']):.2f}", ""),
        ("", "training 4 steps", f"{trained:.2f}", ""),
        ("", f"evaluating {held_out + held_out // 5:,} images", f"{evaluated:.2f}", ""),
        ("", "the rest", f"{rest:.2f}", aim),
        ("", "training and evaluation traced in all", f"{traces[0]} and {traces[1]} times", "once each"),
    ]


class _Stopwatch:
    """Adds up the seconds in a method of an object."""

    def __init__(self, owner: Any, name: str) -> None:
        self.seconds = 0.0
        self._call: Callable[..., Any] = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._call(*arguments, **named)
        finally:
            self.seconds += time.perf_counter() - began


def _write_noise(folder: Path, dataset: str) -> None:
    """Write images and labels as the dataset's files have them; speed does not depend on what they show."""
    if dataset != "mnist":
        return
    generator = np.random.default_rng(0)
    row = DATASETS[dataset]
    for part, count in (("train", row.train_examples), ("t10k", row.held_out_examples)):
        images = generator.integers(0, 256, (count, *row.shape[:2])).astype(np.uint8)
        labels = generator.integers(0, row.classes, count).astype(np.uint8)
        _write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        _write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)


def _write_idx(path: Path, array: np.ndarray) -> None:
    sizes: Sequence[int] = array.shape
    header = struct.pack(f">{1 + len(sizes)}i", 0x800 + len(sizes), *sizes)  # the format's own magic number: uint8
    with gzip.open(path, "wb", compresslevel=0) as file:
        file.write(header + array.tobytes())
