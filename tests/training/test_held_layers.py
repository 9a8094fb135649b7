"""Training some layers only, in an engine that is compiled once."""

from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.lazy_tf import keras
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.pruning.prune import prune
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws

DRAWS = Draws(seed=1, trial=2, depth=0)
TRAINING = replace(resolve("lenet_mnist_l2", examples=70, epochs=2, batch_size=16, learning_rate=0.05), l1=1e-3)


@pytest.fixture(scope="module")
def splits():
    generator = np.random.default_rng(5)
    return Splits(
        *(
            Split(
                generator.integers(0, 256, (size, 8, 8, 1)).astype(np.uint8),
                generator.integers(0, 10, size).astype(np.int32),
            )
            for size in (70, 13, 31)
        )
    )


@pytest.fixture(scope="module")
def engines(splits):
    row = replace(DATASETS["mnist"], shape=(8, 8, 1))
    return {
        holds: Engine(find("lenet_5_x0.1"), row, splits, TRAINING, jit="on", holds=holds) for holds in (False, True)
    }


def train(engine, *trained):
    """Return the states after each part of a training, one after the other, from the same beginning."""
    engine.put_fresh_state(DRAWS, keep_masks=False)
    prune(engine.model, 0.5)
    rates = np.full(TRAINING.total_steps, 0.05, np.float32)
    states = [engine.state()]
    for part in trained:
        ends = TRAINING.ends_of_epochs(TRAINING.total_steps)
        engine.train(rates=rates, ends=ends, from_step=0, draws=DRAWS, callbacks=[], trained=part)
        states.append(engine.state())
    return states


def moved(before, after):
    return {name for name in after if not np.array_equal(before[name], after[name])}


def test_what_is_held_stays_bit_for_bit_momentum_too_and_the_rest_moves_all_in_one_trace(engines):
    engine = engines[True]
    begin, warm, dense, convolutional = train(engine, "all", "dense", "convolutional")
    both = {name for name in begin if name.startswith(("weights/", "optimizer/")) and begin[name].ndim}
    assert moved(begin, warm) >= both  # so that all have momentum when they are held
    of_dense = {name for name in both if "/hidden/" in name or "/logits/" in name}
    assert 0 < len(of_dense) < len(both)
    assert moved(warm, dense) & both == of_dense
    assert moved(dense, convolutional) & both == both - of_dense
    assert engine.traces[0] == 1


def test_the_first_step_of_what_is_trained_is_that_of_a_training_of_all(engines):
    """Gradients go through all layers either way, so that after one step both agree where they moved."""
    engine = engines[True]
    states = {}
    for trained in ("all", "dense"):
        engine.put_fresh_state(DRAWS, keep_masks=False)
        rates = np.full(1, 0.05, np.float32)
        engine.train(rates=rates, ends=(0, 1), from_step=0, draws=DRAWS, callbacks=[], trained=trained)
        states[trained] = engine.state()
    for name in moved(states["all"], states["dense"]):
        assert "/conv" in name


def test_all_layers_end_alike_in_an_engine_that_holds_and_in_one_that_does_not(engines):
    one, two = (train(engines[holds], "all")[-1] for holds in (False, True))
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name  # other graphs: last digits


def test_an_engine_that_does_not_hold_refuses_to(engines):
    with pytest.raises(ValueError, match="trained is 'dense'; expected 'all'"):
        train(engines[False], "dense")


def test_the_share_of_inputs_that_are_not_zero_is_that_of_the_layers_before(engines, splits):
    """Counted in NumPy from each layer's own outputs, on validation and on test images."""
    engine = engines[True]
    train(engine, "all")
    before = ["pool_1", "pool_2", "hidden"]
    layers = [next(layer for layer in engine.model.layers if layer.name.endswith(name)).output for name in before]
    outputs = keras.Model(engine.model.input, layers)
    row = DATASETS["mnist"]
    for split, size in (("validation", 13), ("test", 31)):
        x = (getattr(splits, split).images / row.peak - row.mean) / row.std
        assert len(x) == size
        expected = [1.0, *(float((values.numpy() != 0).mean()) for values in outputs(x.astype(np.float32)))]
        assert engine.nonzero_inputs(split) == pytest.approx(expected, abs=2e-3)  # a value near 0 may come out as 0
        assert all(0.05 < share < 0.999 for share in expected[1:])
