"""What must hold in a store, and that each breach of it is found: one by one in copies of a whole one."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tf_lottery import checkpoint
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.properties import check
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.techniques import TECHNIQUES

KERNEL, BIAS = "logits/kernel", "logits/bias"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two levels of every technique, and of one a second trial."""
    store = Store(tmp_path_factory.mktemp("store"))
    grid = Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=resolve("lenet_digits", examples=1297, epochs=3),
        heuristics=("global_magnitude",), schedule="iterative", techniques=tuple(TECHNIQUES), densities=(0.64,),
        retrain_epochs=(2,), trials=1, seed=0,
    )  # fmt: skip
    runner = StageRunner(store, Execution(), lambda *_: None)
    for stage in plan([*grid.specs(), *replace(grid, techniques=("lr_rewind",), trials=2).specs()]):
        runner.run(stage)
    return store.root


def test_a_whole_store_has_no_fault(whole):
    found = check(Store(whole))
    assert (found.stages, found.faults, dict(found.unchecked)) == (26, [], {})


def test_the_command_says_so_without_tensorflow(whole, tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise ImportError('TensorFlow was imported')")

    def run(store):
        return subprocess.run(
            [sys.executable, "-m", "tf_lottery.check", str(store)], capture_output=True, text=True,
            env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        )  # fmt: skip

    done = run(whole)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{whole}: 26 finished stages checked, 0 faults\n"
    other = run(tmp_path)
    assert other.returncode == 2
    assert other.stderr == (
        f"check: {tmp_path} is no run store: it has no folder stages. Expected the --output_dir of a run.\n"
    )


class Broken:
    """A copy of the store to put a fault into."""

    def __init__(self, root):
        self.root = root

    def folder(self, technique="lr_rewind", density="0.6400", trial=1):
        pattern = f"stages/digits/*/trial_{trial}/" + (
            "dense-*" if technique == "dense" else f"{technique}-*density_{density}-*"
        )
        (found,) = self.root.glob(pattern)
        return found

    def arrays(self, change, which="final.safetensors", **where):
        path = self.folder(**where) / which
        arrays, metadata = checkpoint.read(path)
        change(arrays)
        checkpoint.write(path, arrays, metadata)

    def json(self, name, change, **where):
        path = self.folder(**where) / name
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    def orders(self, change, **where):
        path = self.folder(**where) / "metrics.csv"
        with path.open() as file:
            rows = list(csv.DictReader(file))
        change(rows)
        with path.open("w") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


def _leak(arrays):
    arrays[f"weights/{KERNEL}"][arrays[f"masks/{KERNEL}"] == 0] = 1e-3


def _bring_back(broken):
    """Keep a weight that was pruned at the level before, and prune one that is kept."""
    before, _ = checkpoint.read(broken.folder(density="0.8000") / "final.safetensors")

    def change(arrays):
        mask, weights = arrays[f"masks/{KERNEL}"], arrays[f"weights/{KERNEL}"]
        gone, kept = tuple(np.argwhere(before[f"masks/{KERNEL}"] == 0)[0]), tuple(np.argwhere(mask == 1)[0])
        mask[gone], mask[kept], weights[gone], weights[kept] = 1, 0, 0.5, 0

    broken.arrays(change)


def _take_the_parents_order(broken):
    with (broken.folder(density="0.8000") / "metrics.csv").open() as file:
        order = next(csv.DictReader(file))["order"]
    broken.orders(lambda rows: rows[0].update(order=order))


def _prune_the_largest(arrays):
    """As at the first level: a mask within the dense network's, but of the largest weight instead of a small one."""
    mask, weights = arrays[f"masks/{KERNEL}"], arrays[f"weights/{KERNEL}"]
    largest = np.unravel_index(np.argmax(np.abs(weights)), weights.shape)
    gone = tuple(np.argwhere(mask == 0)[0])
    mask[gone], mask[largest], weights[gone], weights[largest] = 1, 0, 0.5, 0


def _copy(broken, name):
    shutil.copy(broken.folder("dense", trial=1) / name, broken.folder("dense", trial=2) / name)


def _copy_a_kernel(broken):
    theirs, _ = checkpoint.read(broken.folder("dense", trial=1) / "final.safetensors")
    broken.arrays(
        lambda arrays: arrays.update({f"weights/{KERNEL}": theirs[f"weights/{KERNEL}"]}), technique="dense", trial=2
    )


FAULTS = {
    "a pruned weight is not 0": (lambda b: b.arrays(_leak), "are not 0 where the mask is"),
    "a mask is not 0 and 1": (
        lambda b: b.arrays(lambda a: a[f"masks/{KERNEL}"].__imul__(2)), "is not 0 and 1"),
    "a pruned weight came back": (_bring_back, "are kept that the parent had pruned"),
    "a large weight was pruned": (
        lambda b: b.arrays(_prune_the_largest, density="0.8000"), "was pruned, and one of"),
    "too many are kept": (
        lambda b: b.arrays(lambda a: a[f"masks/{KERNEL}"].fill(1)), "its density asks for"),
    "the result counts others": (
        lambda b: b.json("result.json", lambda r: r.update(kept_weights=7)), "its result says 7"),
    "a dense network is pruned": (
        lambda b: b.arrays(lambda a: a[f"masks/{KERNEL}"].fill(0), technique="dense"), "do not keep everything"),
    "a dense network lacks one weight": (
        lambda b: b.arrays(lambda a: a[f"masks/{KERNEL}"].__setitem__((0, 0), 0), technique="dense"),
        "do not keep everything"),
    "it starts from other weights than its parent's": (
        lambda b: b.json("start.json", lambda s: s.update({f"weights/{BIAS}": "0" * 16})),
        "does not start from the parent's trained state under its masks: 1 arrays differ, weights/logits/bias first"),
    "it starts from other slots": (
        lambda b: b.json("start.json", lambda s: s.pop("optimizer/iteration"), technique="fine_tune"),
        "1 arrays differ, optimizer/iteration first"),
    "its slots are not zero": (
        lambda b: b.json("start.json", lambda s: s.update(
            json.loads((b.folder("linear_lr_restart", "0.8000") / "start.json").read_text())),
            technique="one_cycle_restart", density="0.8000"),
        "does not start from the parent's trained state under its masks: 7 arrays differ, optimizer/accumulators/"),
    "it starts from another point": (
        lambda b: b.arrays(lambda a: a[f"weights/{BIAS}"].__iadd__(1), which=f"points/step_{20:08d}.safetensors",
                           technique="dense"),
        "does not start from the dense training's rewind point"),
    "a fresh network is not fresh": (
        lambda b: b.json("start.json", lambda s: s.update(
            json.loads((b.folder("fine_tune", "0.8000") / "start.json").read_text())), technique="reinit",
            density="0.8000"),
        "it does not start anew: hidden/kernel is the parent's"),
    "a variable did not move": (
        lambda b: b.json("start.json", lambda s: s.update(checkpoint.array_digests(
            checkpoint.read(b.folder("dense") / "final.safetensors")[0])), technique="dense"),
        "logits/bias did not move"),
    "two epochs in one order": (
        lambda b: b.orders(lambda rows: rows[1].update(order=rows[0]["order"])), "in 2 epochs"),
    "the parent's order": (_take_the_parents_order, "in the order of the parent stage"),
    "another cost": (
        lambda b: b.json("result.json", lambda r: r.update(search_cost=2.0)), "its search cost is 2; expected 4"),
    "reinit without its T epochs": (
        lambda b: b.json("result.json", lambda r: r.update(search_cost=2.0), technique="reinit", density="0.8000"),
        "its search cost is 2; expected 5"),
    "another share pruned": (
        lambda b: b.json("result.json", lambda r: r.update(pruned_share=0.3)), "its result says pruned_share 0.3; "),
    "another norm removed": (
        lambda b: b.json("result.json", lambda r: r.update(removed_norm=0.5)), "its result says removed_norm 0.5; "),
    "another rate": (
        lambda b: b.orders(lambda rows: rows[1].update(learning_rate="0.02")),
        "its learning rate is 0.02 at step 40; expected 0.001"),
    "another rate of a dense network": (
        lambda b: b.orders(lambda rows: rows[0].update(learning_rate="0.02"), technique="dense"),
        "its learning rate is 0.02 at step 19; expected 0.1"),
    "a rate of another norm": (
        lambda b: b.orders(lambda rows: rows[0].update(learning_rate=str(1.01 * float(rows[0]["learning_rate"]))),
                           technique="adaptive_linear_lr_restart"), "its learning rate is"),
    "too few steps": (lambda b: b.orders(lambda rows: rows.pop()), "it was trained for 20 steps; expected 41"),
    "trials in one order": (lambda b: _copy(b, "metrics.csv"), "their examples come in one order"),
    "trials from one start": (lambda b: _copy(b, "start.json"), "they start from the same weights"),
    "trials with one end": (lambda b: _copy(b, "final.safetensors"), "they end with the same weights"),
    "trials with one kernel in common": (_copy_a_kernel, "they end with the same weights"),
    "a damaged checkpoint": (
        lambda b: (b.folder() / "final.safetensors").write_bytes(b"no"), "is damaged"),
    "a lost checkpoint": (lambda b: (b.folder() / "final.safetensors").unlink(), "lacks"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(whole, tmp_path, fault):
    put, told = FAULTS[fault]
    shutil.copytree(whole, tmp_path / "copy")
    broken = Broken(tmp_path / "copy")
    put(broken)
    faults = check(Store(broken.root)).faults
    assert any(told in text for text in faults), faults


def test_what_older_versions_did_not_record_is_counted(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    broken = Broken(tmp_path / "copy")
    (broken.folder() / "start.json").unlink()
    broken.orders(lambda rows: [row.pop("order") for row in rows])
    found = check(Store(broken.root))
    assert found.faults == []
    assert dict(found.unchecked) == {"start not recorded by the version that made the stage": 1}
