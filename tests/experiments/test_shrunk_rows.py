"""What is left of a store's networks when dead channels are removed, against a count by hand from their files."""

import csv
import itertools

import numpy as np
import pytest

from tf_lottery import analyse, checkpoint
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.stage import StageRunner
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    grid = Grid(
        network="lenet_300_100_x0.1", dataset="digits", training=resolve("lenet_digits", examples=1297, epochs=1),
        heuristics=("random",), schedule="one_shot", techniques=("lr_rewind",), densities=(0.05,),
        retrain_epochs=(1,), trials=1, seed=0,
    )  # fmt: skip
    store = Store(tmp_path_factory.mktemp("runs"))
    runner = StageRunner(store, Execution(), lambda *_: None)
    for stage in plan(grid.specs()):
        runner.run(stage)
    return store


def sizes(units):
    """Return parameters and FLOPs of dense layers with biases: a product counts 2, a bias 1, a ReLU 2."""
    pairs = list(itertools.pairwise(units))
    return sum(a * b + b for a, b in pairs), sum(2 * a * b + b for a, b in pairs) + 2 * sum(units[1:-1])


def test_units_that_lead_nowhere_are_counted_out(store, capsys):
    assert analyse.main([str(store.root), "shrunk", "--latency"]) == 0
    assert "shrunk_flops_left" in capsys.readouterr().out
    with (store.root / "analyses" / "shrunk.csv").open() as file:
        rows = {row["technique"]: row for row in csv.DictReader(file)}
    name = next(result["stage"] for result in store.results({}) if result["technique"] == "lr_rewind")
    arrays = checkpoint.read(store.final(name))[0]
    first, second, last = (arrays[f"masks/{k}"] for k in ("hidden/kernel", "hidden/kernel#2", "logits/kernel"))
    two = last.any(axis=1)
    one = second[:, two].any(axis=1)
    assert 0 < one.sum() < 30 or 0 < two.sum() < 10  # something goes, else this shows nothing
    for technique, units in (("dense", (64, 30, 10, 10)), ("lr_rewind", (64, int(one.sum()), int(two.sum()), 10))):
        row = rows[technique]
        assert (int(row["shrunk_parameters"]), int(row["shrunk_flops"])) == sizes(units)
        assert (int(row["parameters"]), int(row["dense_flops"])) == sizes((64, 30, 10, 10))
        assert float(row["shrunk_flops_left"]) == pytest.approx(sizes(units)[1] / sizes((64, 30, 10, 10))[1])
        assert float(row["milliseconds"]) > 0 < float(row["shrunk_milliseconds"])
        assert float(row["largest_difference"]) < 1e-5
    kept = sum(int(mask.sum()) for mask in (first, second, last))
    effective = 2 * kept + (30 + 10 + 10) + 2 * (30 + 10)
    assert int(rows["lr_rewind"]["flops"]) == effective
    assert np.isclose(float(rows["lr_rewind"]["flops_left"]), effective / sizes((64, 30, 10, 10))[1])
