"""Stages in one process, one after the other."""

from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.techniques import TECHNIQUES


def grid(epochs, trials):
    training = resolve("lenet_digits", examples=1297, epochs=epochs)
    return Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=training, heuristics=("global_magnitude", "random"),
        schedule="iterative", techniques=tuple(TECHNIQUES), densities=(0.64,), retrain_epochs=(1,), trials=trials,
        seed=0,
    )  # fmt: skip


def test_every_technique_level_trial_and_length_runs_on_one_trace(tmp_path):
    store = Store(tmp_path)
    runner = StageRunner(store, Execution(), lambda *_: None)
    stages = plan([*grid(2, 2).specs(), *grid(3, 1).specs()])
    assert len(stages) == 2 + 2 * 5 * 2 * 2 + 1 + 5 * 2 * 2
    for stage in stages:
        runner.run(stage)
        assert store.result(stage.name)["status"] == "done"
    assert runner.engine(stages[0].spec.dense).traces == (1, 1)
