"""The engine on images that are cropped, flipped and standardised, against NumPy."""

from dataclasses import replace

import numpy as np
import paper_in_numpy as paper
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.rewinding.schedules import Staircase
from tf_lottery.training.engine import Engine
from tf_lottery.training.order import positions
from tf_lottery.training.randomness import Draws

EXAMPLES, BATCH, EPOCHS = 50, 16, 4
WHO = {"seed": 3, "trial": 2, "depth": 1}


@pytest.mark.parametrize("input_choice", ["memory", "stream"])
def test_every_pass_crops_and_flips_anew(input_choice):
    generator = np.random.default_rng(0)

    def part(count):
        return Split(
            generator.integers(0, 256, (count, 6, 5, 3), dtype=np.uint8), generator.integers(0, 10, count, np.int32)
        )

    splits = Splits(part(EXAMPLES), part(9), part(12))
    row = replace(DATASETS["cifar10"], shape=(6, 5, 3), train_examples=EXAMPLES)
    training = resolve("lenet_digits", examples=EXAMPLES, epochs=EPOCHS, batch_size=BATCH)
    engine = Engine(find("lenet_300_100_x0.05"), row, splits, training, input_choice=input_choice)
    engine.put_fresh_state(Draws(**WHO), keep_masks=False)
    layers = ("hidden_1", "hidden_2", "logits")

    def now():
        arrays = {variable.name.removesuffix(":0"): variable.numpy() for variable in engine.model.trainable_variables}
        return paper.Network.fresh(*([arrays[f"{layer}/{what}"] for layer in layers] for what in ("kernel", "bias")))

    begin = now()
    rates = Staircase(peak=training.learning_rate, drops=training.drops)(np.arange(training.total_steps))
    ends = training.ends_of_epochs(len(rates))
    engine.train(rates=rates, ends=ends, from_step=0, draws=Draws(**WHO), callbacks=[])

    count = len(rates) * BATCH
    places, moves = paper.order(count, EXAMPLES, **WHO), paper.augmentation(count, EXAMPLES, **WHO)
    images = paper.standardise(paper.crop_and_flip(splits.train.images[places], moves)).reshape(len(rates), BATCH, -1)
    labels = splits.train.labels[places].reshape(len(rates), BATCH)
    trained, _ = paper.train(
        begin, [np.ones_like(kernel) for kernel in begin.kernels], zip(images, labels, strict=True), rates,
        momenta_=[training.momentum] * len(rates), decay=training.l2,
    )  # fmt: skip
    ours = now()
    for got, expected in zip((*ours.kernels, *ours.biases), (*trained.kernels, *trained.biases), strict=True):
        # float32 over 13 steps, of images with contrasts of 1 to 100.
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5)
    loss, accuracy = paper.measure(trained, paper.standardise(splits.test.images).reshape(12, -1), splits.test.labels)
    found = engine.evaluate("test")
    assert found.loss == pytest.approx(loss, abs=1e-5)
    assert found.accuracy == accuracy


@pytest.mark.parametrize("depth", [0, 2])
def test_rows_are_those_that_the_documentation_says(depth):
    who = {"seed": 5, "trial": 3, "depth": depth}
    rows = positions(Draws(**who), examples=23, first=0, last=100, augmented=True)
    assert np.array_equal(rows[:, 0], paper.order(100, 23, **who))
    assert np.array_equal(rows[:, 1:], paper.augmentation(100, 23, **who))
