from types import SimpleNamespace

import pytest

from tf_lottery.experiments.executors import workers
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.networks.recipes import resolve


def stages(schedule="iterative", trials=1, techniques=("lr_rewind",)):
    grid = Grid(
        network="lenet_300_100", dataset="digits", training=resolve("lenet_digits", examples=1297),
        heuristics=("global_magnitude",), schedule=schedule, techniques=techniques, densities=(0.5, 0.2, 0.1),
        retrain_epochs=(), trials=trials, seed=0,
    )  # fmt: skip
    return plan(grid.specs())


@pytest.mark.parametrize(
    ("plan_", "cores", "gibibytes", "expected"),
    [
        (stages(), 8, 64, 1),  # one chain: one stage at a time
        (stages(trials=3), 8, 64, 3),
        (stages(trials=3), 2, 64, 2),
        (stages(trials=2, techniques=("lr_rewind", "fine_tune")), 8, 64, 4),
        (stages("one_shot"), 8, 64, 3),  # three densities of one dense network
        (stages("one_shot", trials=9), 8, 5, 2),  # memory for two
        (stages("one_shot", trials=9), 8, 1, 1),
    ],
)
def test_workers_are_as_many_as_cores_chains_and_memory_allow(plan_, cores, gibibytes, expected, monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: cores)
    memory = SimpleNamespace(total=gibibytes * 2**30)
    monkeypatch.setattr(workers.psutil, "virtual_memory", lambda: memory)
    found = workers.workers_for(plan_)
    assert found == expected
    assert workers.threads_for(found) == max(1, cores // expected)
