"""Networks pruned before they are trained: masks by the initial weights, under which these or fresh ones train."""

import numpy as np
import pytest

from tf_lottery import checkpoint
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.properties import check
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store, point_path
from tf_lottery.networks.recipes import resolve


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    grid = Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=resolve("lenet_digits", examples=1297, epochs=3),
        heuristics=("global_magnitude", "snip"), schedule="at_initialization", techniques=("weight_rewind", "reinit"),
        densities=(0.5, 0.2), retrain_epochs=(3.0,), trials=1, seed=0,
    )  # fmt: skip
    store = Store(tmp_path_factory.mktemp("store"))
    runner = StageRunner(store, Execution(), lambda *_: None)
    for stage in plan(grid.specs()):
        runner.run(stage)
    return store


def arrays_of(store):
    """Return what each stage ends with, by technique, heuristic and density; and the initial weights."""
    results = store.results({})
    found = {(r["technique"], r["heuristic"], r["density"]): store.final(r["stage"]) for r in results}
    dense = next(r["stage"] for r in results if r["technique"] == "dense")
    initial = checkpoint.read(point_path(store.folder(dense), 0))[0]
    return {key: checkpoint.read(path)[0] for key, path in found.items() if key[0] != "dense"}, initial


def flat(arrays, kind):
    kernels = sorted(name.removeprefix("masks/") for name in arrays if name.startswith("masks/"))
    return np.concatenate([arrays[f"{kind}/{name}"].ravel() for name in kernels])


def test_the_smallest_initial_weights_are_pruned_at_each_density_and_none_comes_back(store):
    finals, initial = arrays_of(store)
    sizes = np.abs(flat(initial, "weights"))
    for density in (0.5, 0.2):
        kept = flat(finals["weight_rewind", "global_magnitude", density], "masks") != 0
        assert abs(kept.sum() - density * kept.size) < 1
        assert sizes[kept].min() >= sizes[~kept].max()
        assert not flat(finals["weight_rewind", "global_magnitude", density], "weights")[~kept].any()
        # The same masks whatever is trained under them.
        assert np.array_equal(kept, flat(finals["reinit", "global_magnitude", density], "masks") != 0)
        assert not np.array_equal(kept, flat(finals["weight_rewind", "snip", density], "masks") != 0)


def test_the_store_has_no_fault_and_all_of_the_training_is_done_again(store):
    found = check(store)
    assert (found.stages, found.faults, dict(found.unchecked)) == (9, [], {})
    steps = {r["technique"]: r["steps"] for r in store.results({})}
    assert steps["weight_rewind"] == steps["dense"]


def test_a_weight_that_was_larger_at_the_start_than_one_that_stayed_is_found(store):
    name = next(r["stage"] for r in store.results({}) if r["technique"] == "weight_rewind" and r["density"] == 0.5)
    path = store.final(name)
    arrays, metadata = checkpoint.read(path)
    kernel = "logits/kernel"
    kept = np.argwhere(arrays[f"masks/{kernel}"] != 0)[0]
    gone = np.argwhere(arrays[f"masks/{kernel}"] == 0)[0]
    for array in ("masks", "weights"):
        held = arrays[f"{array}/{kernel}"].copy()
        held[tuple(gone)], held[tuple(kept)] = held[tuple(kept)], 0
        arrays[f"{array}/{kernel}"] = held
    checkpoint.write(path, arrays, metadata)
    assert any("was pruned, and one of" in fault for fault in check(store).faults)
