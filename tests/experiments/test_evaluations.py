"""Evaluations by step: they change nothing that is trained, and say where one would have stopped."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tf_lottery import results
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.properties import check
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import tf
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.schedules import original_rates
from tf_lottery.training.randomness import Draws

EVERY = 8
# A rate so high that the validation loss rises at the end: 61 steps in three epochs of 20 and one.
TRAINING = resolve("lth_lenet", examples=1297, epochs=3, batch_size=64, learning_rate=0.03, evaluate_steps=EVERY)


def stages_of(training):
    grid = Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=training, heuristics=("half_output_magnitude",),
        schedule="iterative", techniques=("weight_rewind",), densities=(0.8,), trials=1, seed=0,
        retrain_epochs=(training.epochs_after(5),),
        controls=("random_reinit", "shuffled_mask"), data_order_seeds=(3,),
    )  # fmt: skip
    return plan(grid.specs())


class StoppedError(Exception):
    pass


class Stop:
    on = False

    def __call__(self, *_):
        if self.on:
            raise StoppedError


STAGES, STOP = stages_of(TRAINING), Stop()
DENSE, LEVEL = STAGES[0], next(stage for stage in STAGES if stage.name.split("/")[-1].startswith("weight_rewind-iter"))


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    runner = StageRunner(Store(tmp_path_factory.mktemp("runs")), Execution(checkpoint_seconds=0.0), STOP)
    for stage in STAGES:
        runner.run(stage)
    return runner


@pytest.fixture
def store(runner):
    return runner._store


def evaluations(store, stage):
    with (store.folder(stage.name) / "evaluations.csv").open() as file:
        return [{name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)]


def test_each_multiple_of_the_steps_and_the_last_step_is_evaluated_and_the_best_one_on_test_data_too(store):
    for stage in STAGES:
        result, rows = store.result(stage.name), evaluations(store, stage)
        assert [row["step"] for row in rows] == [*range(EVERY, result["steps"], EVERY), result["steps"]]
        losses = [row["validation_loss"] for row in rows]
        for place, row in enumerate(rows):
            needed = place == int(np.argmin(losses[: place + 1])) or place % 10 == 9 or place == len(rows) - 1
            assert (row["test_accuracy"] is not None) is needed
        best = rows[int(np.argmin(losses))]
        first = 5 if "weight_rewind" in stage.name else 0
        assert result["early_stop_step"] == first + best["step"]
        assert result["early_stop_test_accuracy"] == best["test_accuracy"]
        assert result["early_stop_validation_loss"] == best["validation_loss"]
        assert rows[-1]["test_accuracy"] == result["test_accuracy"]
    # The case has what it is for: a best step before the last.
    assert store.result(DENSE.name)["early_stop_step"] < TRAINING.total_steps


def test_what_is_told_of_a_step_is_what_a_training_that_ends_there_comes_to(runner, store):
    engine, draws = runner.engine(DENSE.spec), Draws(seed=0, trial=1, depth=0)
    step = store.result(DENSE.name)["early_stop_step"]
    engine.put_fresh_state(draws, keep_masks=False)
    rates = original_rates(TRAINING)[:step]
    ends = [end for end in TRAINING.ends_of_epochs(TRAINING.total_steps) if end < step]
    engine.train(rates=rates, ends=(*ends, step), from_step=0, draws=draws, callbacks=[])
    (row,) = [row for row in evaluations(store, DENSE) if row["step"] == step]
    for split in ("validation", "test"):
        found = engine.evaluate(split)
        assert (row[f"{split}_loss"], row[f"{split}_accuracy"]) == (found.loss, found.accuracy)


def test_the_training_split_is_evaluated_as_by_keras_on_images_that_are_not_augmented(runner):
    engine = runner.engine(DENSE.spec)
    images, labels = engine._train
    dataset = engine._dataset
    logits = engine.model((images / dataset.peak - dataset.mean) / dataset.std, training=False)
    found = engine.evaluate("train")
    assert found.accuracy == (np.argmax(logits, axis=1) == labels).mean()
    loss = tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    assert found.loss == pytest.approx(float(np.mean(loss)), rel=1e-4)  # sums in float32


def test_evaluating_changes_no_bit_of_what_is_trained(store, tmp_path):
    plain = stages_of(replace(TRAINING, evaluate_steps=0))
    other = StageRunner(Store(tmp_path), Execution(), lambda *_: None)
    for stage in plain[:3]:
        other.run(stage)
    for ours, theirs in zip(STAGES[:3], plain[:3], strict=True):
        assert ours.name != theirs.name  # it has more to tell
        one, two = (kept.result(stage.name) for kept, stage in ((store, ours), (other._store, theirs)))
        assert (one["test_loss"], one["validation_loss"]) == (two["test_loss"], two["validation_loss"])
        assert "early_stop_step" not in two


def test_an_interrupted_stage_goes_on_with_the_evaluations_that_it_had(runner, store, tmp_path, monkeypatch):
    shutil.copytree(store.root, tmp_path / "runs")
    again = Store(tmp_path / "runs")
    monkeypatch.setattr(runner, "_store", again)
    for stage in (DENSE, LEVEL):
        shutil.rmtree(again.folder(stage.name))
        STOP.on = True
        with pytest.raises(StoppedError):
            runner.run(stage)
        STOP.on = False
        runner.run(stage)
        for name in ("evaluations.csv", "metrics.csv", "final.safetensors"):
            assert (again.folder(stage.name) / name).read_bytes() == (store.folder(stage.name) / name).read_bytes()


def test_a_store_with_controls_and_other_orders_fulfils_what_every_store_must(store):
    found = check(store)
    assert (found.faults, found.stages) == ([], len(STAGES))


def test_shuffled_masks_that_are_not_shuffled_or_are_others_are_found_out(store, tmp_path):
    from tf_lottery import checkpoint

    shutil.copytree(store.root, tmp_path / "runs")
    again = Store(tmp_path / "runs")
    control = next(stage for stage in STAGES if "shuffled" in stage.name)
    arrays, metadata = checkpoint.read(again.final(control.name))
    theirs, _ = checkpoint.read(again.final(LEVEL.name))
    masks = {name: array for name, array in theirs.items() if name.startswith("masks/")}
    checkpoint.write(again.final(control.name), arrays | masks, metadata)
    assert any("its masks were not shuffled" in fault for fault in check(again).faults)


def test_another_order_starts_from_the_same_weights_and_ends_with_others(store):
    copy = next(stage for stage in STAGES if getattr(stage.spec, "data_order_seed", 0) and stage.spec.density < 1)
    starts = [(store.folder(stage.name) / "start.json").read_text() for stage in (LEVEL, copy)]
    assert starts[0] == starts[1]
    orders = []
    for stage in (LEVEL, copy):
        with (store.folder(stage.name) / "metrics.csv").open() as file:
            orders.append({row["order"] for row in csv.DictReader(file)} - {""})
    assert orders[0].isdisjoint(orders[1])
    assert store.result(LEVEL.name)["test_loss"] != store.result(copy.name)["test_loss"]


def test_the_table_of_results_has_the_columns_where_they_were_measured(store):
    frame = results.table(store.results({}))
    assert frame.early_stop_step.notna().all()
    assert (frame.train_accuracy > 0.5).all()
    assert set(frame[frame.heuristic.str.contains("order_3")].schedule) == {"control", "iterative"}
