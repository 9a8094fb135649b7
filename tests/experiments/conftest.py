"""What stages hold, without training any."""

import pytest

from tf_lottery.experiments.results_row import identity


def make_result(spec, **changes):
    """Return the result of a stage that trained well, for a store to hold."""
    numbers = {
        "test_accuracy": 0.9, "validation_accuracy": 0.8, "test_loss": 0.3, "validation_loss": 0.4, "flops": 10,
        "dense_flops": 20, "kept_weights": 5, "prunable_weights": 10, "wall_seconds": 1.0, "steps": 3,
    }  # fmt: skip
    record = {"data": "0a1b2c3d", "threads": 1}
    return identity(spec) | {"status": "done", "environment_record": record} | numbers | changes


@pytest.fixture(scope="session")
def measured():
    return make_result
