"""Stages in one process, one after the other."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata as hparams_metadata

from tf_lottery import checkpoint
from tf_lottery.datasets import known
from tf_lottery.datasets.dataset import Found, Split
from tf_lottery.experiments.environments import OtherDataError
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.keepers import going_path
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.properties import check
from tf_lottery.experiments.spec import TrainSpec
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.techniques import TECHNIQUES
from tf_lottery.training.randomness import Draws


def grid(epochs, trials, techniques=tuple(TECHNIQUES), heuristics=("global_magnitude", "random")):
    training = resolve("lenet_digits", examples=1297, epochs=epochs)
    return Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=training, heuristics=heuristics,
        schedule="iterative", techniques=techniques, densities=(0.64,), retrain_epochs=(1,), trials=trials,
        seed=0,
    )  # fmt: skip


def test_every_technique_level_trial_and_length_runs_on_one_trace(tmp_path):
    store = Store(tmp_path)
    runner = StageRunner(store, Execution(), lambda *_: None)
    few = ("weight_rewind", "one_cycle_restart")
    stages = plan([*grid(2, 1, heuristics=("random",)).specs(), *grid(3, 2, few).specs()])
    assert len(stages) == 1 + 11 * 2 + 2 + 2 * 2 * 2 * 2
    for stage in stages:
        runner.run(stage)
        assert store.result(stage.name)["status"] == "done"
    assert runner.engine(stages[0].spec.dense).traces == (1, 1)


class StoppedError(Exception):
    pass


class Stop:
    """Ends a stage as a kill does, after an epoch."""

    on = False

    def __call__(self, *_):
        if self.on:
            raise StoppedError


@pytest.fixture(scope="module")
def stages():
    return plan(grid(2, 1, ("weight_rewind",), ("global_magnitude",)).specs())  # dense, two levels


@pytest.fixture(scope="module")
def stop():
    return Stop()


@pytest.fixture(scope="module")
def runner(tmp_path_factory, stages, stop):
    """A runner with an engine; its store is each test's own."""
    runner = StageRunner(Store(tmp_path_factory.mktemp("runs")), Execution(checkpoint_seconds=0.0), stop)
    for stage in stages:
        runner.run(stage)
    return runner


@pytest.fixture
def store(runner, tmp_path, monkeypatch):
    """A finished store of the test's own, which the runner works on."""
    root = tmp_path / "runs"
    shutil.copytree(runner._store.root, root)
    monkeypatch.setattr(runner, "_store", Store(root))
    return runner._store


@pytest.fixture
def interrupted(store, runner, stages, stop):
    """The same, where the dense network is still half trained, and the others are not begun."""
    shutil.rmtree(store.stages)
    stop.on = True
    try:
        with pytest.raises(StoppedError):
            runner.run(stages[0])
    finally:
        stop.on = False
    assert going_path(store.partial(stages[0].name)).exists()
    return store


def go_on(store, runner, stages):
    return work(stages, store, runner.run, lambda *_: None)


def bytes_of(store):
    return {path.relative_to(store.root): path.read_bytes() for path in store.stages.glob("[!.]*/*/*/[!.]*/final.*")}


def test_a_stage_goes_on_from_its_checkpoint_whatever_the_engine_did_since(interrupted, runner, stages):
    runner.engine(stages[0].spec).put_fresh_state(Draws(seed=8, trial=1, depth=0), keep_masks=False)
    runner.run(stages[0])
    went_on = bytes_of(interrupted)
    shutil.rmtree(interrupted.stages)
    runner.run(stages[0])
    assert went_on == bytes_of(interrupted) != {}


def test_tensorboard_names_a_stages_row_by_trial_and_stage(store, stages):
    for stage in stages:
        (path,) = store.folder(stage.name).glob("events.out.tfevents.*")
        values = [value for event in EventFileLoader(str(path)).Load() for value in event.summary.value]
        (row,) = [value for value in values if value.tag == hparams_metadata.SESSION_START_INFO_TAG]
        told = hparams_metadata.parse_session_start_info_plugin_data(row.metadata.plugin_data.content)
        assert told.group_name == f"trial_1/{store.folder(stage.name).name}"


@pytest.fixture
def other_data(monkeypatch):
    """The digits in another order: the same data set, and other data."""
    row = known.DATASETS["digits"]
    train, held_out = row.find(row, ())()
    turned = Split(train.images[::-1], train.labels[::-1]), held_out
    other = replace(row, find=lambda *_: Found(where="elsewhere", read=lambda: turned))
    monkeypatch.setitem(known.DATASETS, "digits", other)
    return row.split(turned).digest


def untouched(store):
    return {path: path.read_bytes() for path in store.stages.glob("**/*") if path.is_file()}


def test_other_data_are_refused_where_a_store_has_results_and_where_a_parent_has_others(
    store, stages, other_data, tmp_path, monkeypatch
):
    ours = store.result(stages[0].name)["environment_record"]["data"]
    other = StageRunner(store, Execution(), lambda *_: None)
    before = untouched(store)
    with pytest.raises(OtherDataError, match=rf"other data \(digest {ours}\) than are here \(digest {other_data}\)"):
        other.engine(stages[0].spec)  # for a new trial, say
    # Its engine is there, and then somebody else's stages come.
    monkeypatch.setattr(other, "_store", Store(tmp_path / "empty"))
    other.engine(stages[0].spec)
    monkeypatch.setattr(other, "_store", store)
    for stage in stages[1:]:
        with pytest.raises(OtherDataError, match=f"^{stage.parents[0]} was made from other data"):
            other.run(replace(stage, spec=replace(stage.spec, retrain_epochs=2)))
        shutil.rmtree(store.partial(replace(stage.spec, retrain_epochs=2).name))
    assert untouched(store) == before
    assert not list(store.stages.glob("**/*.partial"))


def test_a_stage_does_not_go_on_with_other_data(interrupted, runner, stages, other_data):
    path = interrupted.partial(stages[0].name)
    before = going_path(path).read_bytes()
    ours = checkpoint.read(going_path(path))[1]["environment"]["data"]
    with pytest.raises(OtherDataError) as error:
        StageRunner(interrupted, Execution(), lambda *_: None).run(stages[0])
    assert str(error.value).startswith(f"what {path} goes on from was made from other data (digest {ours}) than are")
    assert f"(digest {other_data})" in str(error.value)
    assert going_path(path).read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: {name: record[name] for name in ("data", "device", "jit", "numpy", "threads")}, ""),
        (lambda record: record | {"threads": 99}, "another environment than it goes on in (threads: 99, {threads})"),
    ],
    ids=["a record of an older version", "another number of threads"],
)
def test_a_stage_goes_on_in_an_environment_of_an_older_version_and_says_only_what_differs(
    interrupted, runner, stages, caplog, change, told
):
    path = going_path(interrupted.partial(stages[0].name))
    arrays, metadata = checkpoint.read(path)
    here = metadata["environment"]
    checkpoint.write(path, arrays, metadata | {"environment": change(here)})
    runner.run(stages[0])
    assert interrupted.is_done(stages[0].name)
    assert (told.format(**here) in caplog.text) if told else ("another environment" not in caplog.text)


def test_a_copy_that_was_cut_is_set_aside_before_anything_trains_and_ends_with_the_same_bytes(
    store, runner, stages, caplog
):
    """As an interrupted rsync leaves it, in the order of names: without results, points or the last checkpoint."""
    whole = bytes_of(store)
    for stage in stages:
        (store.folder(stage.name) / "result.json").unlink()
    (store.folder(stages[1].name) / "final.safetensors").unlink()
    shutil.rmtree(store.folder(stages[0].name) / "points")
    ran = []
    results = work(stages, store, lambda stage: (ran.append(stage.name), runner.run(stage)), lambda *_: None)
    assert ran == [stage.name for stage in stages]  # each once
    assert [result["status"] for result in results.values()] == ["done"] * 3
    assert bytes_of(store) == whole
    assert caplog.text.count("has no result.json: it is no whole stage. Set aside as") == 3


def test_a_lost_checkpoint_a_foreign_one_and_lost_or_foreign_points_are_made_again(store, runner, stages, caplog):
    whole = bytes_of(store)
    dense, first, second = (store.folder(stage.name) for stage in stages)
    (point,) = (dense / "points").iterdir()
    kept = point.read_bytes()
    shutil.rmtree(second)
    shutil.copy(dense / "final.safetensors", first / "final.safetensors")
    checkpoint.write(point, checkpoint.read(point)[0], {"step": 1})
    go_on(store, runner, stages)
    assert bytes_of(store) == whole
    assert point.read_bytes() == kept
    assert f"{first}/final.safetensors is of another stage, {stages[0].name}. Set aside" in caplog.text
    assert f"{point} is of step 1. It is made again" in caplog.text
    caplog.clear()
    shutil.rmtree(second)
    (first / "final.safetensors").unlink()
    shutil.rmtree(dense / "points")
    go_on(store, runner, stages)
    assert bytes_of(store) == whole
    assert f"{first}/final.safetensors is missing. Set aside" in caplog.text
    assert point.read_bytes() == kept
    # An earlier point to begin from is another's too.
    shutil.rmtree(second)
    earlier = point.with_name("step_00000001.safetensors")
    shutil.copy(dense / "final.safetensors", earlier)
    point.unlink()
    go_on(store, runner, stages)
    assert bytes_of(store) == whole
    assert point.read_bytes() == kept
    assert not earlier.exists()


def test_the_beginning_of_another_stage_is_not_gone_on_from(interrupted, runner, stages, caplog):
    """As a copied and renamed folder: its checkpoint is whole, and another stage's."""
    (_, other, *_) = plan(grid(2, 2, ("weight_rewind",), ("global_magnitude",)).specs())[::3]
    assert other.name != stages[0].name
    interrupted.partial(other.name).parent.mkdir()
    shutil.copytree(interrupted.partial(stages[0].name), interrupted.partial(other.name))
    runner.run(other)
    assert "is the beginning of another stage. Set aside" in caplog.text
    assert interrupted.result(other.name)["stage"] == other.name
    interrupted.make_room(other.name)
    assert interrupted.is_done(other.name)


def test_a_density_that_leaves_a_layer_empty_says_how_many_weights_there_are(store, runner, stages, caplog):
    stage = replace(stages[1], spec=replace(stages[1].spec, density=1e-9))
    runner.run(stage)
    total = store.result(stages[0].name)["prunable_weights"]
    assert f"; 1 of {total} weights are kept" in caplog.text


@pytest.mark.parametrize("technique", ["adaptive_linear_lr_restart", "one_cycle_restart"])
def test_a_retraining_that_goes_on_has_the_rates_momenta_and_slots_of_one_that_was_never_stopped(
    store, runner, stop, technique
):
    """Though what was pruned, which its rates depend on, cannot be measured any more."""
    (stage,) = plan(grid(2, 1, (technique,), ("global_magnitude",)).specs())[1:2]
    stage = replace(stage, spec=replace(stage.spec, retrain_epochs=2))  # two epochs, to stop between them
    runner.run(stage)
    whole, told = store.final(stage.name).read_bytes(), store.result(stage.name)
    metrics = (store.folder(stage.name) / "metrics.csv").read_bytes()
    shutil.rmtree(store.folder(stage.name))
    stop.on = True
    try:
        with pytest.raises(StoppedError):
            runner.run(stage)
    finally:
        stop.on = False
    assert going_path(store.partial(stage.name)).exists()
    runner.run(stage)
    assert store.final(stage.name).read_bytes() == whole
    assert (store.folder(stage.name) / "metrics.csv").read_bytes() == metrics
    again = store.result(stage.name)
    assert (again["pruned_share"], again["removed_norm"]) == (told["pruned_share"], told["removed_norm"])
    assert again["pruned_share"] == pytest.approx(0.2, abs=1e-3)
    assert 0 < again["removed_norm"] < 1


def test_an_engine_is_shared_by_what_its_compiled_steps_do_not_depend_on_and_nothing_else(tmp_path):
    runner = StageRunner(Store(tmp_path), Execution(), lambda *_: None)

    def engine(recipe="lenet_digits", **changes):
        training = resolve(recipe, examples=1297, **changes)
        return runner.engine(
            TrainSpec(network="lenet_300_100_x0.1", dataset="digits", training=training, seed=0, trial=1)
        )

    first = engine()
    assert engine(epochs=7, learning_rate=0.03) is first
    assert engine(lr_schedule="cosine", warmup_epochs=2, fine_tune_rate=0.01) is first
    assert engine(batch_size=32) is not first
    assert engine(precision="mixed_bfloat16").model.layers[-1].layer.compute_dtype == "bfloat16"
    assert engine(recipe="lth_lenet_adam").model.optimizer.name.lower() == "adam"


def test_a_criterion_that_looks_at_data_sees_examples_of_the_stages_own_random_numbers(store, runner):
    """Taylor's masks of two levels, beside the same in NumPy: examples, gradients, scores and counts."""
    stages = plan(grid(2, 1, ("fine_tune",), ("taylor",)).specs())
    for stage in stages[1:]:
        runner.run(stage)
    train = known.DATASETS["digits"].split(known.DATASETS["digits"].find(known.DATASETS["digits"], ())()).train
    for depth, stage in enumerate(stages[1:], 1):
        before, after = (checkpoint.read(store.final(name))[0] for name in (stage.spec.parent.name, stage.name))
        text = f"tf_lottery 0 1 {depth} examples 0"  # docs/reproducibility.md
        key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
        places = np.random.Generator(np.random.Philox(key=key)).permutation(1297)[:1000]
        x = (train.images[places].reshape(1000, 64) / 16 - 0.3055) / 0.3762
        squares = [
            np.square(_gradients_in_numpy(before, x[batch], train.labels[places][batch]))
            for batch in (slice(100 * number, 100 * (number + 1)) for number in range(10))
        ]
        weights, masks, ours = (
            np.concatenate([arrays[f"{what}/{name}"].ravel() for name in KERNELS])
            for arrays, what in ((before, "weights"), (before, "masks"), (after, "masks"))
        )
        scores = np.where(masks != 0, np.square(weights, dtype=np.float64) * np.mean(squares, axis=0), -np.inf)
        expected = np.zeros(len(scores), bool)
        expected[np.argsort(-scores, kind="stable")[: int(ours.sum())]] = True
        # Sums in another order can turn two scores around that are neighbours at the border.
        assert np.count_nonzero(expected != (ours != 0)) <= 2
        assert np.count_nonzero(ours) < np.count_nonzero(masks)


def test_a_stage_whose_gradients_are_no_numbers_failed_and_says_so(store, runner, stages):
    (stage, *_) = plan(grid(2, 1, ("fine_tune",), ("saliency",)).specs())[1:]
    parent = store.final(stages[0].name)
    arrays, metadata = checkpoint.read(parent)
    arrays["weights/logits/bias"] = np.full_like(arrays["weights/logits/bias"], np.nan)
    checkpoint.write(parent, arrays, metadata)
    runner.run(stage)
    result = store.result(stage.name)
    assert result["status"] == "failed"
    assert "gradients of the loss are not finite numbers" in result["message"]


KERNELS = ("hidden/kernel", "hidden/kernel#2", "logits/kernel")


def _gradients_in_numpy(arrays, x, labels):
    """Return the gradients of the mean cross-entropy by all kernels, one after the other, flat."""
    inputs = [x]
    for name in KERNELS:
        kernel, bias = arrays[f"weights/{name}"].astype(np.float64), arrays[f"weights/{name.replace('kernel', 'bias')}"]
        inputs.append(inputs[-1] @ kernel + bias)
        if name != KERNELS[-1]:
            inputs[-1] = np.maximum(inputs[-1], 0)
    logits = inputs.pop()
    p = np.exp(logits - logits.max(1, keepdims=True))
    error = (p / p.sum(1, keepdims=True) - np.eye(10)[labels]) / len(x)
    gradients = []
    for name, values in zip(reversed(KERNELS), reversed(inputs), strict=True):
        gradients.insert(0, (values.T @ error).ravel())
        error = (error @ arrays[f"weights/{name}"].T) * (values > 0)
    return np.concatenate(gradients)


def test_a_stage_that_scans_layers_and_removes_dead_units_goes_on_as_if_never_interrupted(tmp_path):
    """Its accuracy before retraining, the scan and the rates of dropout are from its beginning."""
    training = resolve("lenet_mnist_dropout", examples=1297, epochs=3)
    grid = Grid(
        network="lenet_300_100_x0.2", dataset="digits", training=training, heuristics=("sensitivity",),
        schedule="iterative", techniques=("tenth_rate_fine_tune",), densities=(0.8, 0.2), retrain_epochs=(2,), trials=1,
        seed=0, remove_dead_units=True,
    )  # fmt: skip
    stages = plan(list(grid.specs())[:3])
    stop = Stop()
    whole, broken = Store(tmp_path / "whole"), Store(tmp_path / "broken")
    runner = StageRunner(whole, Execution(checkpoint_seconds=0.0), stop)
    for stage in stages:
        runner.run(stage)
    runner._store = broken
    for stage in stages:
        stop.on = True
        with pytest.raises(StoppedError):
            runner.run(stage)
        stop.on = False
        runner.run(stage)
    assert bytes_of(whole) == bytes_of(broken)
    for stage in stages[1:]:
        one, two = (store.result(stage.name) for store in (whole, broken))
        assert one | {"wall_seconds": 0} == two | {"wall_seconds": 0}
        assert one["heuristic"] == "sensitivity+live_units"
        assert 0 < one["start_test_accuracy"] < 1
        for file in ("sensitivity.csv", "layers.csv", "start_accuracy.json"):
            assert (whole.folder(stage.name) / file).read_bytes() == (broken.folder(stage.name) / file).read_bytes()
        masks = checkpoint.read(whole.final(stage.name))[0]
        kept = [int(masks[f"masks/{name}"].sum()) for name in ("hidden/kernel", "hidden/kernel#2", "logits/kernel")]
        lines = (whole.folder(stage.name) / "layers.csv").read_text().splitlines()[1:]
        assert [int(line.split(",")[1]) for line in lines] == kept
    assert runner.engine(stages[0].spec.dense).traces == (1, 1)
    assert not check(whole).faults
