"""Learning rate rewinding with every way to give Keras a learning rate."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.state import capture

BATCHES = 3
X = np.random.default_rng(0).normal(size=(8 * BATCHES, 6)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(8 * BATCHES, 3)).astype(np.float32)
SCHEDULES = keras.optimizers.schedules


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule as people write it: without get_config."""

    def __call__(self, step):
        return 0.1 * 0.5 ** tf.cast(step // 2, tf.float32)


GIVEN = {
    "a number": (lambda: 0.1, []),
    "a schedule": (lambda: SCHEDULES.CosineDecay(0.1, 12), []),
    "a polynomial": (lambda: SCHEDULES.PolynomialDecay(0.1, 12, power=2), []),
    "a schedule of one's own": (Halving, []),
    "a callback": (
        lambda: 1.0,
        [lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 * 0.5**epoch)],
    ),
}


class Rates(keras.callbacks.Callback):
    """Notes the rate of every step, as the optimizer took it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def compiled(rate, **settings):
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(6,))])
    model.compile(keras.optimizers.SGD(rate, **settings), "mse")
    return model


def fit(model, *callbacks, initial_epoch=0):
    rates = Rates()
    model.fit(X, Y, 8, shuffle=False, initial_epoch=initial_epoch, epochs=4, callbacks=[*callbacks, rates], verbose=0)
    return rates.seen


@pytest.mark.parametrize("name", GIVEN)
def test_the_rates_of_a_retraining_are_the_tail_of_the_trainings(tmp_path, name):
    rate, callbacks = GIVEN[name]
    model, points = compiled(rate()), tl.RewindPoints(tmp_path, epochs=[1])
    rates = fit(model, points, *[make() for make in callbacks])
    for is_first in (True, False):  # rewinding before or after the callback that sets the rate
        rewinding = [tl.LearningRateRewinding(points, epoch=1)]
        others = [make() for make in callbacks]
        in_order = rewinding + others if is_first else others + rewinding
        assert fit(model, *in_order, initial_epoch=1) == rates[BATCHES:]
    model.compile(keras.optimizers.SGD(rate()), "mse")  # its count begins at 0 again
    others = [make() for make in callbacks]
    assert fit(model, tl.LearningRateRewinding(points, epoch=1), *others, initial_epoch=1) == rates[BATCHES:]


@pytest.mark.parametrize("is_points_first", [True, False])
def test_a_rate_that_a_plateau_lowered_is_put_back_and_its_counters_begin_anew(tmp_path, is_points_first):
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1e9)  # nothing is better
    model, points = compiled(0.1), tl.RewindPoints(tmp_path, epochs=[0, 2, 4])
    rates = fit(model, *((points, plateau) if is_points_first else (plateau, points)))
    assert np.allclose(rates[::BATCHES], [0.1, 0.1, 0.01, 0.001])
    for rewinding in (tl.LearningRateRewinding, tl.WeightRewinding):
        again = fit(model, plateau, rewinding(points, epoch=2), initial_epoch=2)
        assert np.allclose(again[::BATCHES], [0.01, 0.01])
    again = fit(model, plateau, tl.LearningRateRewinding(points, epoch=0))
    assert np.allclose(again, rates)


def test_an_average_of_weights_is_not_rescaled_with_the_velocity(tmp_path):
    drops = SCHEDULES.PiecewiseConstantDecay([4], [0.1, 0.01])
    model, points = compiled(drops, momentum=0.9, use_ema=True), tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points)
    before = capture(model)
    tl_callback = tl.LearningRateRewinding(points, epoch=1)
    for step in (tl_callback.set_model, lambda model: tl_callback.on_train_begin()):
        step(model)
    tl_callback.on_epoch_begin(1)
    tl_callback.on_train_batch_begin(0)
    for name, value in capture(model).items():
        factor = 10 if "/momentums/" in name else 1
        assert np.allclose(value, factor * before[name], rtol=1e-5), name


def test_a_frozen_layer_does_not_keep_the_velocity_from_being_rescaled(tmp_path):
    drops = SCHEDULES.PiecewiseConstantDecay([4], [0.1, 0.01])
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(6,)), keras.layers.Dense(3)])
    optimizer = keras.optimizers.SGD(tl.OffsetSchedule(drops), momentum=0.9)
    model.compile(optimizer, "mse")
    points = tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points)
    model.layers[0].trainable = False
    before = [velocity.numpy() for velocity in optimizer.momentums]
    tl.rewind_learning_rate(model, points, epoch=1)
    for velocity, value in zip(optimizer.momentums, before, strict=True):
        assert np.allclose(velocity.numpy(), 10 * value, rtol=1e-5)


# tf_keras 2.21, of each .h5: that it prefers .keras.
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
def test_a_model_is_saved_with_its_rewound_schedule_and_goes_on_with_it(tmp_path, suffix):
    model, points = compiled(SCHEDULES.PolynomialDecay(0.1, 12, power=2)), tl.RewindPoints(tmp_path, epochs=[1])
    rates = fit(model, points)
    fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
    tl.rewind_learning_rate(model, points, epoch=1)
    model.save(tmp_path / f"model{suffix}")
    loaded = keras.models.load_model(tmp_path / f"model{suffix}")
    if not suffix:  # SavedModel has no step of the optimizer
        loaded.optimizer.iterations.assign(model.optimizer.iterations)
    assert fit(loaded, initial_epoch=1) == rates[BATCHES:]


def test_a_schedule_without_get_config_is_what_keras_says_of_it_when_it_is_saved(tmp_path):
    model, points = compiled(Halving()), tl.RewindPoints(tmp_path, epochs=[1])
    with pytest.raises(NotImplementedError, match=r"'Halving' must override `get_config") as before:
        model.save(tmp_path / "before.keras")
    fit(model, points)
    fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
    with pytest.raises(NotImplementedError, match=r"'Halving' must override `get_config") as after:
        model.save(tmp_path / "after.keras")
    assert str(after.value) == str(before.value)
    model.save_weights(tmp_path / "weights.h5")
