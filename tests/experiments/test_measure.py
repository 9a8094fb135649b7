"""What is measured of a network, against NumPy on the same images."""

from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.measure import measure
from tf_lottery.experiments.results_row import WrongDensityError, identity
from tf_lottery.experiments.spec import RetrainSpec, TrainSpec
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.pruning.dead_units import without_dead_units
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.prune import masks, prune, set_masks
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws

DENSE = TrainSpec(
    network="lenet_300_100_x0.1", dataset="mnist", training=resolve("lenet_digits", examples=70, batch_size=16), seed=0,
    trial=1,
)  # fmt: skip
HALF = RetrainSpec(
    parent=DENSE, heuristic="global_magnitude", schedule="one_shot", technique="lr_rewind", density=0.5,
    retrain_epochs=1,
)  # fmt: skip
ENVIRONMENT = {"data": "0a1b2c3d", "threads": 1}
TOTAL = 36 * 30 + 30 * 10 + 10 * 10  # images of 6x6, two hidden layers of a tenth of the width, ten classes
KEPT = TOTAL - -(-(TOTAL - 1) // 2)  # the formula of tf_lottery/pruning/counts.py at a half


@pytest.fixture(scope="module")
def splits():
    generator = np.random.default_rng(5)
    sizes = (70, 13, 31)
    return Splits(
        *(
            Split(
                generator.integers(0, 256, (size, 6, 6, 1)).astype(np.uint8),
                generator.integers(0, 10, size).astype(np.int32),
            )
            for size in sizes
        )
    )


@pytest.fixture(scope="module")
def made(splits):
    row = replace(DATASETS["mnist"], shape=(6, 6, 1))
    return Engine(find(DENSE.network), row, splits, DENSE.training)


@pytest.fixture
def engine(made):
    made.put_fresh_state(Draws(seed=0, trial=1, depth=0), keep_masks=False)
    return made


def by_hand(engine, split):
    """Return accuracy and mean cross-entropy of a network of dense layers with ReLU between them."""
    row = DATASETS["mnist"]
    x = (split.images.reshape(len(split.images), -1) / row.peak - row.mean) / row.std
    weights = [variable.numpy() for variable in engine.model.trainable_weights]
    for place in range(0, len(weights), 2):
        x = x @ weights[place] + weights[place + 1]
        x = np.maximum(x, 0) if place + 2 < len(weights) else x
    x -= x.max(axis=1, keepdims=True)
    loss = np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), split.labels]
    return np.mean(x.argmax(axis=1) == split.labels), loss.mean()


def test_validation_and_test_are_measured_on_their_own_images(engine, splits):
    found = measure(DENSE, engine, asked=TOTAL, environment=ENVIRONMENT)
    for name, split in (("validation", splits.validation), ("test", splits.test)):
        accuracy, loss = by_hand(engine, split)
        assert found[f"{name}_accuracy"] == accuracy
        assert found[f"{name}_loss"] == pytest.approx(loss, rel=1e-4)  # float32 sums
    assert found["test_accuracy"] != found["validation_accuracy"]
    assert (found["kept_weights"], found["prunable_weights"]) == (TOTAL, TOTAL)
    assert found["environment_record"] == ENVIRONMENT
    assert found["status"] == "done"
    assert identity(DENSE).items() <= found.items()


def test_a_pruned_network_is_counted_by_its_weights(engine):
    report = prune(engine.model, 0.5)
    found = measure(HALF, engine, asked=report.kept, environment=ENVIRONMENT)
    assert (found["kept_weights"], found["prunable_weights"]) == (KEPT, TOTAL)
    assert found["dense_flops"] > found["flops"] > 0


def test_connections_of_dead_units_may_go_beside_what_the_density_asks_for_and_are_counted(engine):
    prune(engine.model, 0.5)
    new = masks(engine.model)
    new["hidden_2/kernel"][:, [2, 5]] = 0
    without = without_dead_units(new)
    set_masks(engine.model, without)
    asked = sum(int(mask.sum()) for mask in without.values())
    assert asked < sum(int(mask.sum()) for mask in new.values()) < KEPT
    with pytest.raises(WrongDensityError):
        measure(HALF, engine, asked=asked, environment=ENVIRONMENT)
    spec = replace(HALF, remove_dead_units=True)
    found = measure(spec, engine, asked=asked, environment=ENVIRONMENT)
    inputs = without["logits/kernel"].any(axis=1).sum() + without["hidden_2/kernel"].any(axis=1).sum()
    assert (found["kept_weights"], found["dead_units"]) == (asked, 30 + 10 - inputs)
    with pytest.raises(WrongDensityError):
        measure(spec, engine, asked=KEPT + 1, environment=ENVIRONMENT)


def test_masks_that_keep_another_number_than_the_density_are_refused(engine):
    for spec, asked in ((DENSE, TOTAL - 1), (DENSE, TOTAL + 1), (HALF, KEPT - 1), (HALF, KEPT + 1)):
        if spec is HALF:
            prune(engine.model, 0.5)
        with pytest.raises(WrongDensityError, match=f"masks keep {asked} weights .* the density asks for"):
            measure(spec, engine, asked=asked, environment=ENVIRONMENT)


def test_weights_that_are_not_zero_under_a_mask_are_refused_and_kept_ones_that_are_zero_are_told(engine, caplog):
    prune(engine.model, 0.5)
    _, kernel, mask = next(iter(prunable_kernels(engine.model)))
    values, held = kernel.numpy(), mask.numpy() != 0
    leaking = values.copy()
    leaking[tuple(np.argwhere(~held)[0])] = 1e-30
    kernel.assign(leaking)
    with pytest.raises(WrongDensityError, match=f"masks keep {KEPT} weights and {KEPT + 1} are not zero"):
        measure(HALF, engine, asked=KEPT, environment=ENVIRONMENT)
    values[tuple(np.argwhere(held)[0])] = 0.0
    kernel.assign(values)
    assert measure(HALF, engine, asked=KEPT, environment=ENVIRONMENT)["kept_weights"] == KEPT - 1
    assert f"1 of the {KEPT} weights kept came out as exactly 0" in caplog.text
