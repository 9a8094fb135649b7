"""A rewind to a kept epoch repeats the training from there bit for bit, whatever optimizer it has."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.state import capture

BATCHES = 3  # two trainable layers, so four variables: a point after two epochs has six steps, one after four twelve
X = np.random.default_rng(0).normal(size=(8 * BATCHES, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 8 * BATCHES)


def schedule():
    return keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9)


# Those that this test was written for; the classes of tf_keras themselves, at their defaults, are found below.
VARIANTS = {
    "momentum": lambda: keras.optimizers.SGD(schedule(), momentum=0.9),
    "Nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "AMSGrad": lambda: keras.optimizers.Adam(schedule(), amsgrad=True, clipnorm=0.1),
    "centered": lambda: keras.optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    "averaging": lambda: keras.optimizers.AdamW(0.01, use_ema=True, ema_overwrite_frequency=2),
    "loss scale": lambda: keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.Nadam(schedule()), dynamic_growth_steps=2
    ),
    "ours": lambda: tl.MomentumSGD(schedule(), nesterov=True),
}


def classes():
    found = {name: each for name, each in vars(keras.optimizers).items() if isinstance(each, type)}
    return [
        name for name, each in found.items() if issubclass(each, keras.optimizers.Optimizer) and name != "Optimizer"
    ]


def optimizer(name):
    return VARIANTS[name]() if name in VARIANTS else getattr(keras.optimizers, name)(0.01)


def compiled(name, **settings):
    keras.utils.set_random_seed(0)
    model = tl.prunable(keras.Sequential([keras.layers.Dense(5, "relu", input_shape=(6,)), keras.layers.Dense(3)]))
    model.compile(optimizer(name), keras.losses.SparseCategoricalCrossentropy(from_logits=True), **settings)
    return model


def fit(model, *callbacks, initial_epoch=0, epochs=3):
    model.fit(X, Y, 8, shuffle=False, initial_epoch=initial_epoch, epochs=epochs, callbacks=list(callbacks), verbose=0)
    return capture(model)


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def test_the_classes_of_tf_keras_are_found():
    assert {"SGD", "Adam", "Nadam", "Adafactor", "Ftrl", "Lion"} <= set(classes())


@pytest.mark.parametrize("name", [*classes(), *VARIANTS])
def test_a_rewound_training_ends_as_the_first_one_in_the_same_model_and_in_a_copy(tmp_path, name):
    model = compiled(name)
    points = tl.RewindPoints(tmp_path, epochs=[2])
    end = fit(model, points)
    assert same(fit(model, tl.WeightRewinding(points, epoch=2), initial_epoch=2), end)
    if name == "Nadam":  # whose steps depend on how often was traced
        model.compile(optimizer(name), model.loss)
        assert same(fit(model, tl.WeightRewinding(points, epoch=2), initial_epoch=2), end)
    assert same(fit(compiled(name), tl.WeightRewinding(points, epoch=2), initial_epoch=2), end)


def test_so_does_one_that_runs_eagerly(tmp_path):
    epoch = 3
    model = compiled("Nadam", run_eagerly=True)
    points = tl.RewindPoints(tmp_path, epochs=[epoch])
    end = fit(model, points, epochs=5)
    for again in (model, compiled("Nadam", run_eagerly=True)):
        assert same(fit(again, tl.WeightRewinding(points, epoch=epoch), initial_epoch=epoch, epochs=5), end)


@pytest.mark.parametrize("traced", [True, False])
def test_four_traced_steps_of_nadam_are_not_taken_for_eager_ones(tmp_path, traced):
    """Four variables traced once count to 5, as four eager steps do; but a copy must trace from 1 on."""

    def train(model, steps):
        step = tf.function(model.train_step) if traced else model.train_step
        for _ in range(steps):
            step((tf.constant(X), tf.constant(Y)))
        return capture(model)

    model, points = compiled("Nadam"), tl.RewindPoints(tmp_path, epochs=[4])
    points.keep(model, 0)
    train(model, 4)
    assert model.optimizer._u_product_counter == 5
    points.keep(model, 4)
    copy = compiled("Nadam")
    tl.rewind_weights(copy, points, epoch=4)
    assert copy.optimizer._u_product_counter == (1 if traced else 5)
