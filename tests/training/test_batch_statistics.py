"""Batch norm's statistics, computed anew, against sums over windows in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws

BATCH = 16


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).integers(0, 256, (70, 8, 8, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def engine(images):
    split = Split(images, np.zeros(70, np.int32))
    row = replace(DATASETS["mnist"], shape=(8, 8, 1))
    training = resolve("resnet_small_images", examples=70, epochs=1, batch_size=BATCH)
    engine = Engine(find("resnet8_x0.25"), row, Splits(split, split, split), training)
    engine.put_fresh_state(Draws(seed=1, trial=1, depth=0), keep_masks=False)
    return engine


def test_they_are_the_means_of_each_batchs_own_whatever_they_were(engine, images):
    before = engine.state()
    assert engine.renew_batch_norm(40) is True  # two batches of 16; 8 examples are left out
    after = engine.state()
    row = DATASETS["mnist"]
    padded = np.pad((images / row.peak - row.mean) / row.std, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded[..., 0], (3, 3), axis=(1, 2))
    outputs = np.einsum("byxij,ijo->byxo", windows, before["weights/stem_conv/kernel"][:, :, 0])
    batches = [outputs[first : first + BATCH].reshape(-1, outputs.shape[-1]) for first in (0, BATCH)]
    assert after["weights/stem_bn/moving_mean"] == pytest.approx(
        np.mean([batch.mean(0) for batch in batches], axis=0), rel=1e-4, abs=1e-5
    )
    # Of a sample, as Keras' fused batch norm keeps it.
    assert after["weights/stem_bn/moving_variance"] == pytest.approx(
        np.mean([batch.var(0, ddof=1) for batch in batches], axis=0), rel=1e-4
    )
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if "moving_" in name}
    engine.renew_batch_norm(40)
    assert all(np.array_equal(after[name], array) for name, array in engine.state().items())
    # Momentum is what it was: training goes on as before.
    assert engine.model.get_layer(index=2).momentum == 0.997


def test_a_network_without_batch_norm_is_left_alone(images):
    split = Split(images, np.zeros(70, np.int32))
    row = replace(DATASETS["mnist"], shape=(8, 8, 1))
    training = resolve("lenet_digits", examples=70, epochs=1, batch_size=BATCH)
    engine = Engine(find("lenet_300_100_x0.1"), row, Splits(split, split, split), training)
    assert engine.renew_batch_norm(40) is False
