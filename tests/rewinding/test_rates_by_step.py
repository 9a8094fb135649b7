"""Rates and momenta by step in `fit`: of one weight whose gradient is 1, so that each step tells its own rate."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf

RATES = np.array([0.5, 0.25, 0.125, 1.0, 2.0, 0.0625], np.float32)  # sums of these are exact
X = np.ones((12, 1), np.float32)


def mean_output(_, output):
    return tf.reduce_mean(output)


def one_weight(optimizer, **settings):
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_shape=(1,), kernel_initializer="zeros")])
    model.compile(optimizer, loss=mean_output, **settings)
    return model


def fall(model, callback, epochs=1, **settings):
    """Return how far the weight falls in each step of a `fit` of six steps an epoch."""
    seen = [float(model.get_weights()[0][0, 0])]
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_: seen.append(float(model.get_weights()[0][0, 0]))
    )
    model.fit(X, X, batch_size=2, epochs=epochs, shuffle=False, verbose=0, callbacks=[callback, watch], **settings)
    return (-np.diff(seen)).tolist()


OPTIMIZERS = {
    "a number": lambda: keras.optimizers.SGD(7.0),
    "a schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(7.0, 1, 0.5)),
    "ours": lambda: tl.MomentumSGD(7.0, momentum=0.0),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_each_step_has_its_rate_whatever_was_before_and_the_last_one_holds(kind):
    model = one_weight(OPTIMIZERS[kind]())
    assert fall(model, tl.RatesByStep(RATES)) == RATES.tolist()
    assert fall(model, tl.RatesByStep(RATES[:2])) == [0.5, *[0.25] * 5]  # from the first on, at a later step
    assert fall(model, keras.callbacks.Callback()) == [0.25] * 6


def test_many_steps_in_one_call_have_each_its_own():
    model = one_weight(keras.optimizers.SGD(7.0), steps_per_execution=6)
    assert fall(model, tl.RatesByStep(RATES)) == [float(RATES.sum())]


def test_momentum_follows_where_the_optimizer_lets_it():
    model = one_weight(tl.MomentumSGD(7.0, momentum=0.9))
    momenta, buffer, expected = np.array([0.5, 0.25, 0.75, 0.5, 0.0, 0.5], np.float32), 0.0, []
    for rate, momentum in zip(RATES, momenta, strict=True):
        buffer = momentum * buffer + 1.0
        expected.append(float(rate * buffer))
    assert fall(model, tl.RatesByStep(RATES, momenta)) == expected
    again = keras.optimizers.deserialize(keras.optimizers.serialize(model.optimizer))
    assert again.get_config() == model.optimizer.get_config()
    assert float(again.momentum(2)) == 0.75
    model = one_weight(keras.optimizers.SGD(7.0, momentum=0.9))
    with pytest.raises(ValueError, match=r"compiled with SGD, whose momentum .* expected tl.MomentumSGD"):
        fall(model, tl.RatesByStep(RATES, momenta))


@pytest.mark.parametrize("backup_first", [True, False])
def test_a_fit_that_goes_on_has_the_rates_of_its_steps(tmp_path, backup_first):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                raise KeyboardInterrupt

    def callbacks(*more):
        own = [keras.callbacks.BackupAndRestore(tmp_path / "backup"), tl.RatesByStep(rates)]
        return [*(own if backup_first else own[::-1]), *more]

    rates = np.concatenate([RATES, 2 * RATES])
    model = one_weight(keras.optimizers.SGD(7.0))
    fall(model, keras.callbacks.Callback())  # so that its count begins at another step
    settings = {"batch_size": 2, "epochs": 2, "shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, X, callbacks=callbacks(Stop()), **settings)
    again = one_weight(keras.optimizers.SGD(7.0))
    again.fit(X, X, callbacks=callbacks(), **settings)
    assert float(again.get_weights()[0][0, 0]) == -(6 * 7.0 + rates.sum())


# Keras' own advice, which it gives at every model saved so.
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_model_is_saved_with_its_rates_and_goes_on_with_them(tmp_path, kind):
    model = one_weight(tl.MomentumSGD(7.0, momentum=0.9))
    fall(model, tl.RatesByStep(np.repeat(RATES, 2), np.zeros(12)))
    model.save(tmp_path / f"model.{kind}")
    again = keras.models.load_model(tmp_path / f"model.{kind}", custom_objects={"mean_output": mean_output})
    assert fall(again, keras.callbacks.Callback()) == np.repeat(RATES, 2)[6:].tolist()


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        (([],), ValueError, r"rates have the shape \(0,\); expected one for each step"),
        (([[0.1]],), ValueError, r"rates have the shape \(1, 1\)"),
        ((0.1,), ValueError, r"rates have the shape \(\)"),
        ((["fast"],), TypeError, "rates are list; expected numbers"),
        (([0.1, -0.1],), ValueError, "rates go from -0.1 to 0.1; expected 0 or more, and finite"),
        (([0.1, np.nan],), ValueError, "expected 0 or more, and finite"),
        (([0.1], [1.0]), ValueError, "momenta go from 1 to 1; expected 0 or more, and below 1"),
        (([0.1, 0.1], [0.5]), ValueError, "there are 1 momenta for 2 rates; expected one for each step"),
    ],
)
def test_wrong_rates_are_refused_in_a_sentence(arguments, kind, sentence):
    with pytest.raises(kind, match=sentence):
        tl.RatesByStep(*arguments)
