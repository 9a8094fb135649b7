"""The loop of all executors, on stages that only note that they ran."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.experiments.executors.work import work
from tf_lottery.experiments.plan import Stage, plan
from tf_lottery.experiments.spec import RetrainSpec, TrainSpec
from tf_lottery.experiments.store import ParentLostError, Store
from tf_lottery.networks.recipes import resolve

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

    def __init__(self, store, failing=(), losing=()):
        self.store, self.failing, self.losing, self.ran = store, set(failing), set(losing), []

    def __call__(self, stage):
        assert all(self.store.is_done(name) for name in stage.parents)
        if stage.name in self.losing:
            self.losing.remove(stage.name)
            self.store.set_aside(stage.parents[0], "cut")
            raise ParentLostError(stage.parents[0])
        self.ran.append(stage.name)
        self.store.partial(stage.name).mkdir(parents=True)
        status = "failed" if stage.name in self.failing else "done"
        self.store.commit(stage.name, {"status": status, "message": "diverged"})


def nothing(*_):
    pass


@given(
    st.sets(st.sampled_from([stage.name for stage in STAGES])),
    st.sets(st.sampled_from([A.name, B.name, C.name])),
)
def test_every_stage_that_can_runs_once_and_lost_parents_are_done_again(tmp_path_factory, failing, losing):
    store = Store(tmp_path_factory.mktemp("runs"))
    runs = Runs(store, failing, losing)
    results = work(STAGES, store, runs, nothing)
    assert results.keys() == {stage.name for stage in STAGES}
    for stage in STAGES:
        bad = [parent for parent in stage.parents if results[parent]["status"] != "done"]
        if bad:
            assert results[stage.name]["status"] == "not_run"
            assert stage.name not in runs.ran
        else:
            assert results[stage.name]["status"] == ("failed" if stage.name in failing else "done")
    again = Runs(store)
    assert work(STAGES, store, again, nothing) == results
    assert again.ran == []


def test_what_others_do_is_waited_for(tmp_path):
    store = Store(tmp_path)
    other = Runs(store)
    left = list(STAGES)

    def wait(seconds):
        other(left.pop(0))

    told = []
    results = work(STAGES, store, None, lambda stage, _: told.append(stage.name), wait)
    assert [result["status"] for result in results.values()] == ["done"] * 4
    assert told == [stage.name for stage in STAGES]


def test_shuffled_stages_still_run_parents_first(tmp_path):
    stages: list[Stage] = list(STAGES)
    random.Random(1).shuffle(stages)
    runs = Runs(Store(tmp_path))
    work(stages, runs.store, runs, nothing)
    assert sorted(runs.ran) == sorted(stage.name for stage in STAGES)
    assert runs.ran[0] == DENSE.name
