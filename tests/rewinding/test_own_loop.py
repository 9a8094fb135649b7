"""Rewinding in a training loop of one's own, compiled by `tf.function` or not."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.points import MissingPointError
from tf_lottery.rewinding.state import capture

BATCHES = 3
X = np.random.default_rng(0).normal(size=(BATCHES, 8, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, (BATCHES, 8))
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def schedule():
    return keras.optimizers.schedules.PiecewiseConstantDecay([3, 7], [0.1, 0.01, 0.001])


def prunable_model(optimizer):
    keras.utils.set_random_seed(0)
    model = tl.prunable(keras.Sequential([keras.layers.Dense(5, "relu", input_shape=(6,)), keras.layers.Dense(3)]))
    model.compile(optimizer)
    return model


class Loop:
    """What people write: a step with a tape, and a loop over epochs and batches."""

    def __init__(self, model, *, traced=True):
        self.model, self.rates = model, []
        self.step = tf.function(self.update) if traced else self.update

    def update(self, x, y):
        with tf.GradientTape() as tape:
            loss = LOSS(y, self.model(x, training=True))
        variables = self.model.trainable_variables
        self.model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def train(self, points, epochs):
        """Return the rates that the steps took."""
        rates = []
        for epoch in epochs:
            points.keep(self.model, epoch)
            for x, y in zip(X, Y, strict=True):
                self.step(tf.constant(x), tf.constant(y))
                rates.append(float(self.model.optimizer.learning_rate))
        points.keep(self.model, epochs.stop)
        return rates


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.mark.parametrize("traced", [True, False])
def test_weights_rewind_bit_for_bit(tmp_path, traced):
    model = prunable_model(keras.optimizers.Nadam(schedule()))  # a schedule as it is: its step rewinds
    points, loop = tl.RewindPoints(tmp_path, epochs=[1, 4]), Loop(model, traced=traced)
    rates = loop.train(points, range(4))
    end = capture(model)
    assert same(points.read(4, model), end)
    tl.rewind_weights(model, points, epoch=1)
    assert same(capture(model), points.read(1, model))
    assert loop.train(points, range(1, 4)) == rates[BATCHES:]
    assert same(capture(model), end)


def test_the_learning_rate_rewinds_in_a_step_that_was_traced_before(tmp_path):
    model = prunable_model(keras.optimizers.SGD(tl.OffsetSchedule(schedule()), momentum=0.9))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1]), Loop(model)
    rates = loop.train(points, range(4))
    assert len(set(rates)) == 3
    for _ in range(2):
        tl.prune(model, 0.5 * tl.density(model))
        before = capture(model)
        tl.rewind_learning_rate(model, points, epoch=1)
        for name, value in capture(model).items():  # from 0.001 to 0.1
            factor = 100 if "/momentums/" in name else 1
            assert np.allclose(value, factor * before[name], rtol=1e-5), name
        assert loop.train(points, range(1, 4)) == rates[BATCHES:]
    assert int(model.optimizer.iterations) == BATCHES * (4 + 3 + 3)
    tl.rewind_weights(model, points, epoch=1)
    assert loop.train(points, range(1, 4)) == rates[BATCHES:]


def test_a_schedule_that_the_step_would_go_on_reading_as_it_was_is_refused(tmp_path):
    model = prunable_model(keras.optimizers.SGD(schedule()))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1]), Loop(model)
    loop.train(points, range(2))
    before = capture(model)
    with pytest.raises(
        ValueError, match=r"schedule is a PiecewiseConstantDecay, .* expected tl\.OffsetSchedule\(schedule\) .* Make"
    ):
        tl.rewind_learning_rate(model, points, epoch=1)
    assert same(capture(model), before)


def test_so_it_is_by_the_callback_where_somebody_calls_it_in_such_a_loop(tmp_path):
    model = prunable_model(keras.optimizers.SGD(schedule()))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1]), Loop(model)
    loop.train(points, range(2))
    callbacks = keras.callbacks.CallbackList([tl.LearningRateRewinding(points, epoch=1)], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(1)
    callbacks.on_train_batch_begin(0)
    loop.step(tf.constant(X[0]), tf.constant(Y[0]))
    with pytest.raises(ValueError, match=r"traced before its learning rate was rewound.* expected .* Make the optim"):
        callbacks.on_train_batch_end(0)


def test_keras_callbacks_called_in_such_a_loop_rewind_too(tmp_path):
    model = prunable_model(keras.optimizers.SGD(tl.OffsetSchedule(schedule())))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1]), Loop(model)
    rates = loop.train(points, range(4))
    callbacks = keras.callbacks.CallbackList([tl.LearningRateRewinding(points, epoch=1)], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(1)
    for batch, x, y in zip(range(BATCHES), X, Y, strict=True):
        callbacks.on_train_batch_begin(batch)
        loop.step(tf.constant(x), tf.constant(y))
        callbacks.on_train_batch_end(batch)
        assert float(model.optimizer.learning_rate) == rates[BATCHES + batch]


def test_a_rate_that_is_a_number_is_put_back(tmp_path):
    model = prunable_model(keras.optimizers.Adam(0.5))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1]), Loop(model)
    loop.train(points, range(1))
    model.optimizer.learning_rate = 0.01
    tl.rewind_learning_rate(model, points, epoch=1)
    assert loop.train(points, range(1, 2)) == [0.5] * BATCHES


@pytest.mark.parametrize("rewind", [tl.rewind_weights, tl.rewind_learning_rate])
def test_what_is_trained_after_a_rewind_is_not_kept(tmp_path, rewind):
    model = prunable_model(keras.optimizers.SGD(0.1))
    points, loop = tl.RewindPoints(tmp_path, epochs=[1, 3]), Loop(model)
    loop.train(points, range(2))
    rewind(model, points, epoch=1)
    loop.train(points, range(1, 4))
    assert points.read(1, model)
    with pytest.raises(MissingPointError, match=r"no rewind point of epoch 3 .* it has \[1\]"):
        points.read(3, model)
