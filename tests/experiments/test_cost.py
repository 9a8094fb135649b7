"""What a plan is said to cost, from a handful of times that one can add up by hand."""

import pytest

from tf_lottery.experiments.cost import epochs_of, estimated_seconds
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.networks.recipes import resolve


def stages(network="lenet_300_100", epochs=3):
    grid = Grid(
        network=network, dataset="digits", training=resolve("lenet_digits", examples=1297, epochs=epochs),
        heuristics=("global_magnitude",), schedule="iterative", techniques=("lr_rewind", "reinit"), densities=(0.64,),
        retrain_epochs=(2,), trials=1, seed=0,
    )  # fmt: skip
    return plan(grid.specs())


def took(seconds, epochs, network="lenet_300_100", status="done"):
    return {"status": status, "network": network, "dataset": "digits", "wall_seconds": seconds, "epochs": epochs}


# The dense network, and for each technique a level of 0.8 and one of 0.64; reinit trains T epochs more.
EPOCHS = 3 + 2 * 2 + 2 * (3 + 2)


def test_epochs_are_those_of_all_stages():
    assert epochs_of(stages()) == EPOCHS
    assert epochs_of([]) == 0


def test_time_is_told_by_the_middle_of_what_epochs_of_that_network_took():
    results = {
        "a": took(2.0, 1),
        "b": took(20.0, 2),  # 10 s an epoch
        "c": took(300.0, 3),
        "failed": took(9000.0, 1, status="diverged"),
        "nothing trained": took(9000.0, 0),
        "another network": took(9000.0, 1, network="lenet_5"),
    }
    assert estimated_seconds(stages(), results) == pytest.approx(10 * EPOCHS)
    assert estimated_seconds([], results) == 0


def test_without_a_measurement_larger_networks_and_longer_trainings_take_longer():
    small, large, long = (estimated_seconds(s, {}) for s in (stages(), stages("lenet_300_100_x10"), stages(epochs=30)))
    assert 0 < small < large
    assert small < long
    assert estimated_seconds(stages(), {"x": took(1.0, 1, network="other")}) == small
