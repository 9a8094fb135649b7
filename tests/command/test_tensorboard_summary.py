"""What TensorBoard reads of the summary, beside loops over the table and what a second, or a killed, command leaves."""

import csv
import re
import statistics
import time
from collections import defaultdict
from pathlib import Path

import pytest
from tensorboard.backend.event_processing import event_accumulator, io_wrapper
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata

from tf_lottery import results
from tf_lottery.command import event_files
from tf_lottery.command.hparam_columns import columns, declare_columns
from tf_lottery.command.tensorboard_commands import RUNS_AT_ONCE, run_filter, seen_at_once
from tf_lottery.command.tensorboard_summary import summary_runs, write_summary

PUBLISHED = Path(__file__).parents[2] / "docs/results/fashion_mnist_lenet.csv"
GROUP = "accuracy by percent pruned"


def row(**changes):
    """Return a row of the table; a dense network by default."""
    usual = {"network": "resnet8", "dataset": "digits", "technique": "dense", "density": 1.0, "retrain_epochs": 0.0}
    usual |= {"heuristic": "", "schedule": "", "trial": 1, "test_accuracy": 0.9, "validation_accuracy": 0.9}
    pruned = {"heuristic": "global_magnitude", "schedule": "one_shot", "retrain_epochs": 5.0, "density": 0.1}
    usual |= {"training": "t1", "seed": 0, "recipe": "r"} | (pruned if changes.get("technique") else {}) | changes
    return usual | {"status": "done", "stage": "/".join(f"{value}" for value in usual.values())}


def store(*rows):
    return results.table(rows)


def read(folder):
    """Return what TensorBoard reads of a run: by tag, pairs of step and value."""
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_every_point_is_what_loops_over_the_table_find(tmp_path):
    """885 networks: five techniques, two schedules, up to six retrain times."""
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    dense = statistics.mean(float(row["test_accuracy"]) for row in rows if row["technique"] == "dense")
    cells = defaultdict(list)
    for each in rows:
        if each["technique"] != "dense":
            run, density = f"{each['technique']}-{each['schedule']}", float(each["density"])
            cells[run, density, float(each["retrain_epochs"])].append(each)
    best = {}
    for (run, density, epochs), trials in sorted(cells.items()):
        score = round(statistics.median(float(trial["validation_accuracy"]) for trial in trials), 12)
        if score > best.get((run, density), (-1,))[0]:
            best[run, density] = (score, epochs, [100 * float(trial["test_accuracy"]) for trial in trials])
    expected = defaultdict(dict)
    for (run, density), (_, epochs, accuracies) in best.items():
        step = round(1000 * (1 - density))  # 2.8% and 2.2% are both 97% pruned, and 98%
        values = statistics.median(accuracies), min(accuracies), max(accuracies)
        expected[run][step] = (*values, values[0] - 100 * dense, epochs)
    runs = write_summary(results.read(PUBLISHED), [], tmp_path)
    assert sorted(runs) == sorted([*expected, "dense"])
    tags = ("test median [%]", "test lowest [%]", "test highest [%]", "change [pp]", "at retrain epochs")
    for run, points in expected.items():
        found = read(tmp_path / run)
        assert len(found) == len(tags)
        for place, tag in enumerate(tags):
            series = found[f"accuracy by tenths of a percent pruned/{tag}"]
            assert [step for step, _ in series] == sorted(points)
            for step, value in series:
                assert value == pytest.approx(points[step][place], abs=1e-5)  # float32


def test_dense_networks_are_a_line_from_the_least_to_the_most_that_is_pruned():
    runs = summary_runs(store(row(), *(row(technique="lr_rewind", density=density) for density in (0.64, 0.8))))
    assert {step: value for (tag, step), value in runs["dense"].items() if "median" in tag} == {20: 90.0, 36: 90.0}
    assert runs.keys() == {"dense", "lr_rewind-one_shot"}
    assert {tag for tag, _ in summary_runs(store(row()))["dense"]} == {tag for tag, _ in runs["dense"]}


@pytest.mark.parametrize(
    ("change", "folder", "end"),
    [
        ({"network": "resnet20"}, "resnet20/", ""),
        ({"dataset": "mnist"}, "mnist/", ""),
        ({"training": "t2"}, "t2/", ""),
        ({"seed": 7}, "seed_7/", ""),
        ({"heuristic": "random"}, "", "-random"),
        ({"schedule": "iterative"}, "", ""),
    ],
)
def test_what_a_store_has_several_of_is_in_the_names_of_runs(change, folder, end):
    rows = [row(), row(technique="reinit"), row(technique="reinit", test_accuracy=0.5, **change)]
    if folder:
        rows.append(row(**change))
    runs = summary_runs(store(*rows))
    name = f"{folder}reinit-{change.get('schedule', 'one_shot')}{end}"
    assert runs[name][f"{GROUP}/test median [%]", 90] == 50.0
    assert sorted(len(points) for points in runs.values()) == [4] * len(rows)


def test_a_second_command_leaves_each_point_once(tmp_path):
    table = store(row(), row(technique="fine_tune"))
    for _ in range(2):
        write_summary(table, [], tmp_path)
    assert read(tmp_path / "fine_tune-one_shot")[f"{GROUP}/test median [%]"] == [(90, 90.0)]
    assert len(list(tmp_path.rglob("*tfevents*"))) == 2


def test_points_have_the_time_at_which_they_were_written(tmp_path):
    before = time.time()
    event_files.write_events(tmp_path, [(step, event_files.scalar("a", step)) for step in (3, 7)])
    after = time.time()
    (path,) = tmp_path.iterdir()
    events = list(EventFileLoader(str(path)).Load())
    assert [event.step for event in events] == [0, 3, 7]
    assert all(before <= event.wall_time <= after for event in events)
    assert events[0].file_version == "brain.Event:2"


def test_runs_whose_names_changed_go_and_files_of_others_stay(tmp_path):
    write_summary(store(row(), row(technique="fine_tune")), [], tmp_path)
    (tmp_path / "dense/notes.txt").write_text("mine")
    runs = write_summary(store(row(), row(network="resnet20")), [], tmp_path)
    found = {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*tfevents*")}
    assert found == set(runs) == {"resnet8/dense", "resnet20/dense"}
    assert (tmp_path / "dense/notes.txt").read_text() == "mine"
    assert not (tmp_path / "fine_tune-one_shot").exists()


def test_a_command_killed_while_it_writes_leaves_nothing_that_tensorboard_reads(tmp_path, monkeypatch):
    write_summary(store(row()), [], tmp_path)
    killed = []
    monkeypatch.setattr(event_files.Path, "replace", lambda self, _: killed.append(self) or self.write_bytes(b"half"))
    monkeypatch.setattr(event_files.Path, "unlink", lambda *_, **__: None)
    write_summary(store(row(test_accuracy=0.1)), [], tmp_path)
    assert [path.read_bytes() for path in killed] == [b"half"]
    assert not any(io_wrapper.IsTensorFlowEventsFile(str(path)) for path in killed)
    assert set(read(tmp_path / "dense")[f"{GROUP}/test median [%]"]) == {(0, 90.0)}


def test_hparams_has_the_columns_in_which_pruned_networks_differ(tmp_path):
    retrained = [row(technique="lr_rewind", density=density) for density in (0.1, 0.2)]
    assert columns(store(row(), *retrained)) == ["density"]
    assert columns(store(row(), row(trial=2))) == ["trial"]
    assert "pruning" in columns(store(*retrained, row(technique="lr_rewind", heuristic="random")))
    assert "run" in columns(store(*retrained, row(technique="lr_rewind", seed=3)))
    (tmp_path / "events.out.tfevents.123.host").write_bytes(b"an older version's")
    declare_columns(store(row(), *retrained), tmp_path)
    declare_columns(store(row(), *retrained, row(technique="reinit")), tmp_path)
    (path,) = tmp_path.iterdir()
    (event,) = (event for event in EventFileLoader(str(path)).Load() if event.summary.value)
    told = metadata.parse_experiment_plugin_data(event.summary.value[0].metadata.plugin_data.content)
    assert [(info.name, info.type) for info in told.hparam_infos] == [("density", 3), ("technique", 1)]  # number, text


def test_the_filter_leaves_as_many_networks_as_tensorboard_selects_of_them():
    every = results.read(PUBLISHED)
    iterative = every[every.schedule != "one_shot"]
    for own in (every, iterative, iterative.head(60)):
        left = [stage for stage in own.stage if re.search(run_filter(own), stage.split("/", 2)[2])]
        assert 1 < len(left) <= RUNS_AT_ONCE
    assert run_filter(iterative.head(RUNS_AT_ONCE)) == ""


def test_of_a_store_with_too_many_runs_those_of_the_network_are_shown(tmp_path):
    dense = [row(network=f"resnet8_x{width}") for width in range(RUNS_AT_ONCE + 1)]
    runs = write_summary(store(*dense), [], tmp_path)
    assert seen_at_once(tmp_path, runs, ("digits", "resnet8_x3")) == tmp_path / "resnet8_x3"
    assert (tmp_path / "resnet8_x3/dense").is_dir()
    assert seen_at_once(tmp_path, runs[1:], ("digits", "resnet8_x3")) == tmp_path
