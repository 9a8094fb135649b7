"""Whole channels in experiments: a chain of levels, longer retrainings beside it, and what the files say of them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from tf_lottery import checkpoint
from tf_lottery.experiments import properties
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid, levels
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.results_row import identity
from tf_lottery.experiments.spec import RetrainSpec
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve


def grid(**changes):
    return Grid(
        **{
            "network": "lenet_5_x0.1", "dataset": "digits", "seed": 0, "trials": 1,
            "training": resolve("lenet_digits", examples=1297, epochs=2),
            "heuristics": ("map_taylor_flops",), "schedule": "iterative", "techniques": ("fine_tune",),
            "densities": (0.6, 0.4), "retrain_epochs": (0.5,), "density_of": "channels",
            "kept_per_level": 0.75, "final_epochs": 1.0,
        } | changes
    )  # fmt: skip


def test_levels_keep_the_share_asked_for_and_each_asked_density_is_retrained_beside_the_chain():
    made = grid()
    specs = list(made.specs())
    assert len(specs) == made.size == 1 + 4 + 2
    assert [(round(spec.density, 4), spec.retrain_epochs) for spec in specs[1:]] == [
        (0.75, 0.5), (0.6, 0.5), (0.6, 1.0), (0.45, 0.5), (0.4, 0.5), (0.4, 1.0),
    ]  # fmt: skip
    _, first, second, beside, third, *_ = specs
    assert second.parent == first
    assert beside.parent == third.parent == second
    assert len(plan(specs)) == len(specs)
    assert levels("iterative", (0.512,)) == pytest.approx((0.8, 0.64, 0.512))  # as before there was a choice
    assert len(list(grid(final_epochs=0.0).specs())) == 1 + 4


def test_what_a_density_is_of_is_in_the_name_only_where_it_is_not_weights():
    (_, spec, *_), (_, of_weights, *_) = (list(grid(density_of=of).specs()) for of in ("channels", "weights"))
    assert spec.digest != of_weights.digest
    assert "density_of" not in of_weights.to_json()
    assert spec.to_json()["density_of"] == "channels"
    assert identity(spec)["heuristic"] == "map_taylor_flops+of_channels"
    assert identity(of_weights)["heuristic"] == "map_taylor_flops"
    assert RetrainSpec(parent=spec, heuristic="random", schedule="one_shot", technique="fine_tune", density=0.5,
                       retrain_epochs=1).density_of == "weights"  # fmt: skip


class StoppedError(Exception):
    pass


class Stop:
    """Ends a stage as a kill does, after an epoch."""

    on = False

    def __call__(self, *_):
        if self.on:
            raise StoppedError


@pytest.fixture(scope="module")
def stop():
    return Stop()


@pytest.fixture(scope="module")
def stages():
    return plan(grid().specs())


@pytest.fixture(scope="module")
def runner(tmp_path_factory, stages, stop):
    runner = StageRunner(Store(tmp_path_factory.mktemp("runs")), Execution(checkpoint_seconds=0.0), stop)
    for stage in stages:
        runner.run(stage)
    return runner


TOTAL = 2 + 5 + 50  # maps and units of LeNet-5 at a tenth of its width


def channels(store, stage):
    return pd.read_csv(store.folder(stage.name) / "channels.csv")


def masks(store, stage):
    final = checkpoint.read(store.final(stage.name))[0]
    return [array for name, array in sorted(final.items()) if name.startswith("masks/")]


def test_counts_are_exact_and_files_and_masks_say_the_same(runner, stages):
    assert properties.check(runner._store).faults == []
    for stage in stages[1:]:
        told = channels(runner._store, stage)
        assert len(told) == TOTAL
        assert told.kept.sum() == round(stage.spec.density * TOTAL)
        made = [mask.reshape(-1, mask.shape[-1]).any(axis=0) for mask in masks(runner._store, stage)[:3]]
        assert np.array_equal(np.concatenate(made), told.kept == 1)


def test_the_lowest_scores_go_and_one_channel_of_each_layer_stays(runner, stages):
    for stage in stages[1:]:
        told = channels(runner._store, stage)
        left = told.groupby("group").kept.sum()
        assert (left >= 1).all()
        free = told[told.group.map(left) > 1]
        went = free[(free.kept == 0) & free.score.notna()]
        assert went.score.max() <= free[free.kept == 1].score.min() or not len(went)


def test_beside_the_chain_no_more_goes(runner, stages):
    by_name = {stage.name: stage for stage in stages}
    beside = [stage for stage in stages[1:] if stage.spec.retrain_epochs == 1.0]
    assert len(beside) == 2
    for stage in beside:
        pair = (masks(runner._store, each) for each in (stage, by_name[stage.spec.parent.name]))
        assert all(np.array_equal(one, two) for one, two in zip(*pair, strict=True))


def test_a_density_that_whole_channels_do_not_have_is_told(runner, caplog):
    """Of 5 maps and 50 units at least 8 stay, or all: some three tenths of the weights."""
    _, spec = grid(
        heuristics=("group_magnitude",), schedule="one_shot", densities=(0.05,), density_of="weights", final_epochs=0.0
    ).specs()
    (stage,) = [each for each in plan([spec]) if each.spec == spec]
    runner.run(stage)
    kept = runner._store.result(stage.name)["kept_weights"] / runner._store.result(stage.name)["prunable_weights"]
    assert kept > 0.06
    assert f"{kept:.4f} of the weights are kept, the nearest to 0.0500 that whole channels have" in caplog.text
    assert properties.check(runner._store).faults == []


def test_a_level_that_is_killed_goes_on_and_ends_as_it_would_have(runner, stages, stop):
    store, last = runner._store, stages[-1]
    expected = store.final(last.name).read_bytes()
    shutil.rmtree(store.folder(last.name))
    stop.on = True
    with pytest.raises(StoppedError):
        runner.run(last)
    stop.on = False
    runner.run(last)
    assert store.final(last.name).read_bytes() == expected


def test_a_weight_that_is_pruned_alone_is_a_fault(runner, stages, tmp_path):
    shutil.copytree(runner._store.root, tmp_path / "runs")
    store = Store(tmp_path / "runs")
    path = store.final(stages[-1].name)
    arrays, metadata = checkpoint.read(path)
    arrays = {name: array.copy() for name, array in arrays.items()}
    place = tuple(np.argwhere(arrays["masks/hidden/kernel"] == 1)[0])
    for name in ("masks/hidden/kernel", "weights/hidden/kernel"):
        arrays[name][place] = 0
    checkpoint.write(path, arrays, metadata)
    faults = properties.check(store).faults
    assert f"{stages[-1].name}: 1 weights of hidden/kernel are pruned alone, not with their channels" in faults
