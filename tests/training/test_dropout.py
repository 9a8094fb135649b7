"""Dropout in the compiled loop: its rate is a value, and a training that goes on draws what it would have drawn."""

from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.lazy_tf import keras
from tf_lottery.networks.dropout import AdjustableDropout, adjusted_rate, dropout_layers, rates_by_layer
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.pruning.prune import masks, prune, set_masks
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws

DRAWS = Draws(seed=1, trial=2, depth=0)
TRAINING = resolve("lenet_mnist_dropout", examples=70, epochs=3, batch_size=16, learning_rate=0.05)
ENDS = TRAINING.ends_of_epochs(TRAINING.total_steps)


@pytest.fixture(scope="module")
def splits():
    generator = np.random.default_rng(5)
    return Splits(
        *(
            Split(
                generator.integers(0, 256, (size, 6, 6, 1)).astype(np.uint8),
                generator.integers(0, 10, size).astype(np.int32),
            )
            for size in (70, 13, 31)
        )
    )


@pytest.fixture(scope="module")
def engine(splits):
    row = replace(DATASETS["mnist"], shape=(6, 6, 1))
    return Engine(find("lenet_300_100_x0.3"), row, splits, TRAINING)


def train(engine, *, from_step=0, state=None, adjusts=False, draws=DRAWS):
    """Train from the beginning, or on from a state; return the state of each epoch's end."""
    if state is None:
        engine.put_fresh_state(DRAWS, keep_masks=True)
    else:
        engine.put_state(state, keep_masks=False)
    states = {}

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states[ENDS[epoch + 1]] = engine.state()

    rates = np.full(TRAINING.total_steps, 0.05, np.float32)
    engine.train(rates=rates, ends=ENDS, from_step=from_step, draws=draws, callbacks=[Keep()], adjusts_dropout=adjusts)
    return states


def same(one, two):
    return all(np.array_equal(value, two[name]) for name, value in one.items())


def everything_kept(engine):
    set_masks(engine.model, {name: np.ones_like(mask) for name, mask in masks(engine.model).items()})


def test_the_rate_falls_with_the_root_of_what_is_left_as_in_the_paper():
    assert adjusted_rate(0.5, kept=9, total=100) == pytest.approx(0.15)
    assert adjusted_rate(0.5, kept=100, total=100) == 0.5


def test_a_training_that_goes_on_ends_with_the_same_bytes_and_other_stages_draw_otherwise(engine):
    everything_kept(engine)
    whole = train(engine)
    assert engine.state().keys() == whole[ENDS[-1]].keys()
    went_on = train(engine, from_step=ENDS[1], state=whole[ENDS[1]])
    assert same(whole[ENDS[-1]], went_on[ENDS[-1]])
    # Another stage's order is another; so that it is dropout alone, what is dropped is looked at below.
    assert not same(whole[ENDS[-1]], train(engine, draws=replace(DRAWS, depth=1))[ENDS[-1]])


def test_rates_of_a_stage_are_put_in_and_nothing_is_traced_anew(engine):
    everything_kept(engine)
    plain = train(engine)[ENDS[-1]]
    assert same(plain, train(engine, adjusts=True)[ENDS[-1]])  # all is kept: the rate is what it was
    engine.put_fresh_state(DRAWS, keep_masks=True)
    prune(engine.model, 0.25, heuristic="layer_magnitude")
    left = {name: mask.mean() for name, mask in masks(engine.model).items()}
    rates = rates_by_layer(engine.model, masks(engine.model))
    assert rates == pytest.approx(
        {f"{layer}_dropout": 0.5 * left[f"{layer}/kernel"] ** 0.5 for layer in ("hidden_1", "hidden_2")}
    )
    assert not same(train(engine)[ENDS[-1]], train(engine, adjusts=True)[ENDS[-1]])
    assert engine.traces[0] == 1


def test_so_many_are_dropped_others_are_scaled_up_and_steps_stages_and_layers_drop_others():
    ones = np.ones((50, 400), np.float32)
    one, two = (AdjustableDropout(0.5, after=name, name=f"{name}_dropout") for name in ("hidden_1", "hidden_2"))

    def dropped(layer, seed=3, step=7, rate=0.2):
        layer.begin(seed=seed, step=step, rate=rate)
        found = layer(ones, training=True).numpy()
        assert np.allclose(found[found != 0], 1 / (1 - rate))
        assert (found == 0).mean() == pytest.approx(rate, abs=0.01)  # 20,000 draws
        return found == 0

    first = dropped(one)
    assert (first == dropped(one)).all()
    for other in (dropped(one, step=8), dropped(one, seed=4), dropped(two)):
        # As often both as chance has it: 0.2 of 0.2.
        assert (first & other).mean() == pytest.approx(0.04, abs=0.01)
    one.begin(seed=3, step=6, rate=0.2)
    one.count_step()
    assert (first == (one(ones, training=True).numpy() == 0)).all()
    assert np.array_equal(one(ones).numpy(), ones)


def test_a_network_without_dropout_is_the_one_it_was():
    model = find("lenet_300_100").build(shape=(6, 6, 1), classes=10, l2=0.0)
    assert not dropout_layers(model)
