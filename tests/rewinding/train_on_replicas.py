"""Trains, prunes and rewinds on one, then on two logical CPUs; what is not as it should be is an AssertionError.

A program of its own, started by test_distributed: logical devices are made before TensorFlow is used.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.state import capture

BATCHES = 3
X = np.random.default_rng(0).normal(size=(8 * BATCHES, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 8 * BATCHES)
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(schedule(), momentum=0.9),
    "loss scale": lambda: keras.mixed_precision.LossScaleOptimizer(keras.optimizers.AdamW(schedule(), use_ema=True)),
}


def schedule():
    return keras.optimizers.schedules.PiecewiseConstantDecay([4, 8], [0.1, 0.01, 0.001])


def compiled(optimizer):
    model = tl.prunable(
        keras.Sequential(
            [
                keras.layers.Dense(5, input_shape=(6,)),
                keras.layers.BatchNormalization(),
                keras.layers.ReLU(),
                keras.layers.Dense(3),
            ]
        )
    )
    model.compile(optimizer(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class Watch(keras.callbacks.Callback):
    """Notes the rate of every step, and whether a pruned weight is not 0 on any replica."""

    def __init__(self):
        super().__init__()
        self.rates, self.leaks = [], 0

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(self.model.optimizer.learning_rate.numpy())
        for layer in self.model.layers:
            for weight, mask, _ in getattr(layer, "pruning_vars", ()):
                for copy, its_mask in zip(weight.values, mask.values, strict=True):
                    self.leaks += np.count_nonzero(copy.numpy()[its_mask.numpy() == 0])


def fit(model, *callbacks, initial_epoch=0):
    model.fit(X, Y, 8, shuffle=False, initial_epoch=initial_epoch, epochs=4, callbacks=list(callbacks), verbose=0)
    return capture(model)


def check(model, folder, replicas):
    points, first = tl.RewindPoints(folder, epochs=[2]), Watch()
    end = fit(model, points, first)
    again = fit(model, tl.WeightRewinding(points, epoch=2), initial_epoch=2)
    for name, value in end.items():
        # Each replica has batch norm statistics of its own; what is kept of them, as Keras saves them, is their mean.
        is_statistic = "moving" in name and replicas > 1
        assert np.allclose(again[name], value, rtol=1e-6) if is_statistic else np.array_equal(again[name], value), name

    tl.prune(model, 0.5)
    retraining = Watch()
    fit(model, tl.LearningRateRewinding(points, epoch=2), retraining, initial_epoch=2)
    assert retraining.rates == first.rates[2 * BATCHES :]
    assert retraining.leaks == 0
    assert len(first.rates) == 4 * BATCHES

    tl.rewind_weights(model, points, epoch=2)
    kept, mask = points.read(2, model), next(iter(tl.masks(model).values()))
    for copy in model.layers[0].layer.kernel.values:
        assert np.array_equal(copy.numpy(), np.where(mask, kept["weights/dense/kernel"], 0))

    if replicas == 2:
        model.layers[0].layer.kernel.assign = model.layers[0].layer.kernel.values[0].assign  # the second's is left out
        model.layers[0].layer.kernel.values[1].assign_add(tf.ones([6, 5]))
        with pytest.raises(RuntimeError, match=r"^weights/dense/kernel does not read as what was restored to it"):
            tl.rewind_weights(model, points, epoch=2)


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for replicas, name in ((1, "SGD"), (2, "loss scale")):
        strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)])
        with tempfile.TemporaryDirectory() as folder:
            with strategy.scope():
                model = compiled(OPTIMIZERS[name])
            check(model, Path(folder), replicas)
        print("held", replicas, name)
    with strategy.scope(), tempfile.TemporaryDirectory() as folder:
        model = compiled(keras.optimizers.Nadam)
        with pytest.raises(ValueError, match=r"on 2 replicas with Nadam, .* expected one replica, or .* Use Adam"):
            fit(model, tl.RewindPoints(folder, epochs=[2]))
        assert model.optimizer.iterations.numpy() == 0


if __name__ == "__main__":
    sys.exit(main())
