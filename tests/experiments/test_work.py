"""The loop of all executors, on stages that only note that they ran."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.plan import Stage, plan
from tf_lottery.experiments.spec import RetrainSpec, TrainSpec
from tf_lottery.experiments.store import ParentLostError, Store
from tf_lottery.networks.recipes import resolve

ROOT = Path(__file__).resolve().parents[2]
DENSE = TrainSpec(
    network="lenet_300_100",
    dataset="digits",
    training=resolve("lenet_digits", examples=1297),
    seed=0,
    trial=1,
)


def retrain(parent=DENSE, technique="lr_rewind", density=0.5, schedule="one_shot"):
    return RetrainSpec(
        parent=parent,
        heuristic="global_magnitude",
        schedule=schedule,
        technique=technique,
        density=density,
        retrain_epochs=30,
    )


A = retrain(density=0.8, schedule="iterative")
B = retrain(parent=A, density=0.64, schedule="iterative")
C = retrain(technique="fine_tune")
STAGES = plan([B, C])


class Runs:
    """Runs a stage by writing a result; may fail, or find its parent lost, at first."""

    def __init__(self, store, measured, failing=(), losing=()):
        self.store, self.measured, self.failing, self.losing, self.ran = store, measured, set(failing), set(losing), []

    def __call__(self, stage):
        assert all(self.store.is_done(name) for name in stage.parents)
        if stage.name in self.losing:
            self.losing.remove(stage.name)
            self.store.set_aside(stage.parents[0], "cut")
            raise ParentLostError(stage.parents[0])
        self.ran.append(stage.name)
        self.store.partial(stage.name).mkdir(parents=True)
        ended = {"status": "failed", "message": "diverged"} if stage.name in self.failing else {}
        self.store.commit(stage.name, self.measured(stage.spec) | ended)


def nothing(*_):
    pass


@given(
    st.sets(st.sampled_from([stage.name for stage in STAGES])),
    st.sets(st.sampled_from([A.name, B.name, C.name])),
)
def test_every_stage_that_can_runs_once_and_lost_parents_are_done_again(tmp_path_factory, measured, failing, losing):
    store = Store(tmp_path_factory.mktemp("runs"))
    runs = Runs(store, measured, failing, losing)
    results = work(STAGES, store, runs, nothing)
    assert results.keys() == {stage.name for stage in STAGES}
    for stage in STAGES:
        bad = [parent for parent in stage.parents if results[parent]["status"] != "done"]
        if bad:
            assert results[stage.name]["status"] == "not_run"
            assert stage.name not in runs.ran
        else:
            assert results[stage.name]["status"] == ("failed" if stage.name in failing else "done")
    again = Runs(store, measured)
    assert work(STAGES, store, again, nothing) == results
    assert again.ran == []


def test_what_others_do_is_waited_for(tmp_path, measured):
    store = Store(tmp_path)
    other = Runs(store, measured)
    left = list(STAGES)

    def wait(seconds):
        other(left.pop(0))

    told = []
    results = work(STAGES, store, None, lambda stage, _: told.append(stage.name), wait)
    assert [result["status"] for result in results.values()] == ["done"] * 4
    assert told == [stage.name for stage in STAGES]


def test_shuffled_stages_still_run_parents_first(tmp_path, measured):
    stages: list[Stage] = list(STAGES)
    random.Random(1).shuffle(stages)
    runs = Runs(Store(tmp_path), measured)
    work(stages, runs.store, runs, nothing)
    assert sorted(runs.ran) == sorted(stage.name for stage in STAGES)
    assert runs.ran[0] == DENSE.name


def test_a_stage_that_somebody_else_works_on_is_not_run_and_is_waited_for(tmp_path, measured):
    store, other = Store(tmp_path), Runs(Store(tmp_path), measured)
    runs, waited = Runs(store, measured), []
    claim = Store(tmp_path).claim(DENSE.name)
    assert claim.__enter__() is True

    def wait(seconds):
        waited.append(seconds)
        assert runs.ran == []
        if len(waited) == 3:
            other(STAGES[0])
            claim.__exit__(None, None, None)

    work(STAGES, store, runs, nothing, wait)
    assert DENSE.name not in runs.ran
    assert sorted(runs.ran) == sorted(stage.name for stage in STAGES[1:])
    assert len(waited) == 3


def test_a_stage_that_somebody_else_ended_after_one_looked_is_not_run_again(tmp_path, measured):
    other = Runs(Store(tmp_path), measured)

    class Late(Store):
        """Its first look at each stage is old news when it is answered."""

        looked = frozenset()

        def result(self, name):
            found = super().result(name)
            if name not in self.looked and found is None:
                self.looked |= {name}
                other(next(stage for stage in STAGES if stage.name == name))
            return found

    runs = Runs(Late(tmp_path), measured)
    results = work(STAGES, runs.store, runs, nothing)
    assert runs.ran == []
    assert [result["status"] for result in results.values()] == ["done"] * len(STAGES)


def test_two_processes_share_the_stages_and_do_each_once(tmp_path):
    """Both begin at once, and each stage takes a while."""
    code = (
        "import sys, time, runpy; from pathlib import Path\n"
        f"names = runpy.run_path({__file__!r}); STAGES, Runs = names['STAGES'], names['Runs']\n"
        f"measured = runpy.run_path({str(Path(__file__).with_name('conftest.py'))!r})['make_result']\n"
        "from tf_lottery.experiments.executors.work import work; from tf_lottery.experiments.store import Store\n"
        "runs = Runs(Store(Path(sys.argv[1])), measured)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "work(STAGES, runs.store, lambda stage: (time.sleep(0.05), runs(stage)), lambda *_: None)\n"
        "print(*runs.ran)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    ran = " ".join(out for out, _ in printed).split()
    assert sorted(ran) == sorted(stage.name for stage in STAGES)


@pytest.mark.parametrize("whose", ["another command's", "our own worker's"])
def test_after_some_seconds_it_is_told_once_who_works_on_what_is_waited_for(
    tmp_path, measured, monkeypatch, caplog, whose
):
    monkeypatch.setattr("tf_lottery.experiments.waiting._SECONDS", 0.0)
    store, other, waited = Store(tmp_path), Runs(Store(tmp_path), measured), []
    claim = Store(tmp_path).claim(DENSE.name)
    claim.__enter__()
    if whose == "another command's":
        (path,) = (tmp_path / "locks").glob("*.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere", "process": 7, "since": 0.0}))

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            other(STAGES[0])
            claim.__exit__(None, None, None)

    work(STAGES, store, Runs(store, measured), nothing, wait)
    told = [record.message for record in caplog.records]
    if whose == "another command's":
        assert [message.partition(" has been at it since ")[0] for message in told] == [
            f"waiting for stage {DENSE.name}: process 7 on elsewhere"
        ]
    else:
        assert told == []


def test_the_seconds_of_waiting_begin_when_there_is_nothing_else_to_do(tmp_path, measured, monkeypatch, caplog):
    now, told_at = [0.0], []
    monkeypatch.setattr("tf_lottery.experiments.waiting.time", SimpleNamespace(monotonic=lambda: now[0]))
    store, other = Store(tmp_path), Runs(Store(tmp_path), measured)
    runs, claim = Runs(store, measured), Store(tmp_path).claim(C.name)
    claim.__enter__()
    (path,) = (tmp_path / "locks").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere"}))

    def run(stage):
        runs(stage)
        now[0] += 60

    def wait(seconds):
        now[0] += 1
        if caplog.records and not told_at:
            told_at.append(now[0] - 180)
            other(next(stage for stage in STAGES if stage.name == C.name))
            claim.__exit__(None, None, None)

    work(STAGES, store, run, nothing, wait)
    assert len(runs.ran) == 3
    assert told_at == [11]  # ten seconds after the last of three stages ended, and a look


def test_what_is_no_stage_is_out_of_the_way_before_one_runs_and_litter_is_swept(tmp_path, measured, caplog):
    store = Store(tmp_path)
    store.folder(A.name).mkdir(parents=True)
    (store.folder(A.name) / "final.safetensors").write_text("half copied")
    litter = [tmp_path / ".results.csv.12ab34cd", store.folder(A.name) / ".metrics.csv.12ab34cd"]
    for path in litter:
        path.write_text("")
        os.utime(path, (0, 0))
    runs = Runs(store, measured)

    def run(stage):
        assert not store.folder(stage.name).exists()
        runs(stage)

    work(STAGES, store, run, nothing)
    assert len(runs.ran) == len(STAGES)
    assert f"{store.folder(A.name)} has no result.json" in caplog.text
    assert not list(tmp_path.glob("**/.*csv.*"))
    litter[0].write_text("")
    os.utime(litter[0], (0, 0))
    work(STAGES, store, run, nothing)  # where nothing is to do
    assert not litter[0].exists()
