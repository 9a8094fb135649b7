"""Analyses of a finished store, against what NumPy finds in its files."""

import csv

import numpy as np
import pytest

from tf_lottery import analyse, checkpoint
from tf_lottery.datasets import registry as datasets
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments import connectivity, mask_tables
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.finished import finished
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve

TRAINING = resolve("lenet_digits", examples=1297, epochs=2)


def grid(trials, **changes):
    given = {
        "network": "lenet_300_100_x0.1", "dataset": "digits", "training": TRAINING, "trials": trials, "seed": 0,
        "heuristics": ("half_output_magnitude",), "schedule": "iterative", "techniques": ("weight_rewind",),
        "densities": (0.8, 0.64), "retrain_epochs": (1,),
    }  # fmt: skip
    return plan(Grid(**given | changes).specs())


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    runner = StageRunner(Store(tmp_path_factory.mktemp("runs")), Execution(), lambda *_: None)
    stages = [*grid(2, controls=("shuffled_mask",)), *grid(1, data_order_seeds=(1, 2), densities=(0.8,))]
    # Copies of a point from which fresh weights and trained ones are other cases of a start.
    stages += grid(1, techniques=("fine_tune", "random_reinit"), densities=(0.8,))
    for stage in {stage.name: stage for stage in stages}.values():
        if not runner._store.is_done(stage.name):
            runner.run(stage)
    return runner


@pytest.fixture
def store(runner):
    return runner._store


def final(store, name):
    return checkpoint.read(store.final(name))[0]


def test_pairs_that_differ_in_one_thing_are_compared_and_their_overlap_is_that_of_their_files(store):
    rows = list(mask_tables.overlap_rows(store))
    assert {row["differ"] for row in rows} >= {"trial", "density", "heuristic+schedule"}
    assert not any("order_" in row["one"] + row["other"] for row in rows)
    for row in rows:
        one, other = (
            {name: array != 0 for name, array in final(store, row[which]).items() if name.startswith("masks/")}
            for which in ("one", "other")
        )
        chosen = [f"masks/{row['kernel']}"] if row["kernel"] != "all" else list(one)
        flat, flat_other = (np.concatenate([found[name].ravel() for name in chosen]) for found in (one, other))
        assert row["jaccard"] == pytest.approx((flat & flat_other).sum() / (flat | flat_other).sum())
        assert (row["kept_by_one"], row["kept_by_other"], row["total"]) == (flat.sum(), flat_other.sum(), flat.size)
    nested = [row for row in rows if row["differ"] == "density" and row["kernel"] == "all"]
    nested = [row for row in nested if "shuffled" not in row["one"]]
    # A level's mask lies within that of the level before: the overlap is the share that is left.
    assert all(row["kept_by_both"] == min(row["kept_by_one"], row["kept_by_other"]) for row in nested)
    shuffled = [row for row in rows if row["differ"] == "heuristic+schedule" and row["kernel"] == "hidden/kernel"]
    assert all(abs(row["jaccard"] - row["chance"]) < 0.05 for row in shuffled)


def test_layers_are_told_in_their_order_with_what_is_left_of_each(store):
    rows = [row for row in mask_tables.layer_rows(store) if row["trial"] == 1 and row["schedule"] == "iterative"]
    level = [row for row in rows if row["density"] == 0.8 and row["heuristic"] == "half_output_magnitude"]
    level = [row for row in level if row["technique"] == "weight_rewind"]
    assert [row["kernel"] for row in level] == ["hidden/kernel", "hidden/kernel#2", "logits/kernel"]
    assert [row["total"] for row in level] == [64 * 30, 30 * 10, 10 * 10]
    assert level[0]["layer_density"] == pytest.approx(0.8, abs=0.01) != level[2]["layer_density"]


def test_the_distance_is_from_where_the_stage_began_and_stages_whose_start_is_not_kept_are_left_out(store):
    rows = list(mask_tables.distance_rows(store))
    told = {row["technique"] for row in rows}
    assert told == {"weight_rewind", "fine_tune"}  # a dense training's step 0 is kept for a rewind to it alone
    stages = {
        (stage.result["technique"], stage.result["trial"], stage.result["density"]): stage
        for stage in finished(store)
        if stage.result["heuristic"] == "half_output_magnitude" and stage.result["schedule"] == "iterative"
    }
    for technique in sorted(told):
        stage = stages[technique, 1, 0.8]
        (row,) = [
            row
            for row in rows
            if all(row[name] == stage.result[name] for name in ("technique", "trial", "density", "heuristic"))
            and row["kernel"] == "hidden/kernel#2"
        ]
        dense = store.folder(stage.dense_name)
        path = dense / ("final.safetensors" if technique == "fine_tune" else "points/step_00000020.safetensors")
        before = checkpoint.read(path)[0]["weights/hidden/kernel#2"]
        arrays = final(store, stage.name)
        kept = arrays["masks/hidden/kernel#2"] != 0
        first, last = before[kept].astype(float), arrays["weights/hidden/kernel#2"][kept].astype(float)
        assert row["distance"] == pytest.approx(np.sqrt(((last - first) ** 2).sum()))
        assert row["relative_distance"] == pytest.approx(np.sqrt(((last - first) ** 2).sum() / (first**2).sum()))
        assert row["sign_changes"] == pytest.approx((first * last < 0).mean(), abs=1 / first.size)


def test_the_error_along_the_line_is_that_of_a_network_in_numpy(runner, store):
    found = connectivity.pairs(store)
    assert [pair.identity["density"] for pair in found] == [1.0, 0.8]
    pair = found[1]
    assert (pair.identity["data_order_one"], pair.identity["data_order_other"]) == (1, 2)
    assert pair.identity["rewind_step"] == TRAINING.total_steps - TRAINING.steps_in(1)
    engine = runner.engine(grid(1)[0].spec)
    rows = list(connectivity.line_rows(pair, store, engine, 5))
    row, test = DATASETS["digits"], datasets.load("digits").test
    x = ((test.images / row.peak - row.mean) / row.std).reshape(len(test.labels), -1)
    one, other = (final(store, copy.name) for copy in (pair.one, pair.other))
    for place, told in enumerate(rows):
        values = x
        for layer in ("hidden", "hidden#2", "logits"):
            name, _, number = layer.partition("#")
            kernel, bias = (
                (1 - place / 4) * one[weight] + place / 4 * other[weight]
                for weight in (f"weights/{name}/{kind}{'#' if number else ''}{number}" for kind in ("kernel", "bias"))
            )
            values = values @ kernel + bias
            values = values if name == "logits" else np.maximum(values, 0)
        assert told["part"] == place / 4
        assert told["test_error"] == pytest.approx((values.argmax(1) != test.labels).mean())
        assert told["batch_norm"] == "none"
    # The ends are the copies as they were measured.
    assert rows[0]["test_error"] == 1 - pair.one.result["test_accuracy"]
    assert rows[-1]["test_error"] == 1 - pair.other.result["test_accuracy"]
    summary = connectivity.summary(rows, pair)
    errors = [told["test_error"] for told in rows]
    assert summary["barrier"] == pytest.approx(max(errors) - (errors[0] + errors[-1]) / 2)


@pytest.mark.parametrize(
    ("errors", "height", "part", "stable"),
    [
        ([0.1, 0.1, 0.1], 0.0, 0.0, True),
        ([0.1, 0.5, 0.2], 0.35, 0.5, False),
        ([0.1, 0.05, 0.2], 0.05, 1.0, False),  # the end itself, where it is the highest
        ([0.1, 0.1199, 0.1], 0.0199, 0.5, True),
        ([0.1, 0.1201, 0.1], 0.0201, 0.5, False),
    ],
)
def test_the_barrier_is_the_highest_error_above_the_mean_of_the_ends_and_below_two_points_it_is_none(
    errors, height, part, stable
):
    found = connectivity.barrier(errors, [0.0, 0.5, 1.0])
    assert found == {"barrier": pytest.approx(height), "part_of_highest": part, "stable": stable}


@pytest.mark.parametrize("what", [*analyse.ANALYSES, analyse.CONNECTIVITY])
def test_a_command_writes_the_table_and_prints_its_means(store, what, capsys):
    assert analyse.main([str(store.root), what, "--points=3"]) == 0
    names = ["connectivity", "barriers"] if what == analyse.CONNECTIVITY else [what]
    for name in names:
        with (store.root / "analyses" / f"{name}.csv").open() as file:
            assert list(csv.DictReader(file))
    shown = capsys.readouterr().out
    assert f"{names[-1]}.csv" in shown
    if what == "overlap":
        assert "jaccard" in shown
        assert "chance" in shown


def test_what_cannot_be_analysed_is_said_in_a_sentence(tmp_path, capsys):
    assert analyse.main([str(tmp_path), "overlap"]) == 2
    assert "is no run store" in capsys.readouterr().err
    Store(tmp_path)
    for what, told in (
        ("overlap", "no two pruned networks differ in one thing only"),
        ("distance", "of no network the start is kept"),
        ("connectivity", "Train them with --data_order_seed=1,2"),
    ):
        assert analyse.main([str(tmp_path), what]) == 1
        assert told in capsys.readouterr().err
    assert analyse.main([str(tmp_path), "connectivity", "--points=2"]) == 2
