"""Points and rewinding where Keras' BackupAndRestore puts an interrupted `fit` back into its middle."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.state import capture, restore

BATCHES = 3
X = np.random.default_rng(0).normal(size=(8 * BATCHES, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 8 * BATCHES)
DROPS = keras.optimizers.schedules.PiecewiseConstantDecay
OPTIMIZERS = {
    "a schedule": lambda: keras.optimizers.SGD(DROPS([7, 13], [0.1, 0.01, 0.001]), momentum=0.9),
    "a number": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Nadam": lambda: keras.optimizers.Nadam(DROPS([7, 13], [0.1, 0.01, 0.001])),
    "loss scale": lambda: keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.Adam(DROPS([7, 13], [0.1, 0.01, 0.001])), dynamic_growth_steps=4
    ),
}


class Interrupt(keras.callbacks.Callback):
    """Interrupts the second batch of an epoch; notes the rate of every step."""

    def __init__(self, epoch=None):
        super().__init__()
        self.at, self.epoch, self.rates = epoch, None, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))
        if self.epoch == self.at and batch == 1:
            raise InterruptedError


class Drop(keras.callbacks.Callback):
    """Lowers a rate that is a number, as ReduceLROnPlateau does."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch in (2, 4) and "number" in self.model.name:
            self.model.optimizer.learning_rate = 0.1 * self.model.optimizer.learning_rate


def compiled(name):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(5, "relu", input_shape=(6,)), keras.layers.Dense(3)], name=name.replace(" ", "_")
    )
    model = tl.prunable(model)
    model.compile(OPTIMIZERS[name](), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, *callbacks, initial_epoch=0):
    model.fit(X, Y, 8, shuffle=False, initial_epoch=initial_epoch, epochs=6, callbacks=[*callbacks, Drop()], verbose=0)
    return capture(model)


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def points_of(folder):
    return {path.name: path.read_bytes() for path in folder.glob("epoch_*")}


@pytest.mark.parametrize(
    ("rewinding", "name", "is_backup_first", "is_new_process"),
    [
        (tl.LearningRateRewinding, "a schedule", True, False),
        (tl.LearningRateRewinding, "a number", True, True),
        (tl.LearningRateRewinding, "loss scale", True, True),
        (tl.LearningRateRewinding, "Nadam", False, True),
        (tl.WeightRewinding, "Nadam", True, True),
        (tl.WeightRewinding, "loss scale", False, True),
    ],
)
def test_an_interrupted_retraining_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path, rewinding, name, is_backup_first, is_new_process
):
    def retrain(model, watch, *, backup=True):
        points = tl.RewindPoints(tmp_path / "points", epochs=[2, 4])
        callbacks = [points, rewinding(points, epoch=2), watch]
        if backup:
            callbacks.insert(0 if is_backup_first else 2, keras.callbacks.BackupAndRestore(str(tmp_path / "backup")))
        return fit(model, *callbacks, initial_epoch=2)

    model = compiled(name)
    fit(model, tl.RewindPoints(tmp_path / "points", epochs=[2, 4]))
    tl.prune(model, 0.5)
    start, points = capture(model), points_of(tmp_path / "points")
    whole = Interrupt()
    end = retrain(model, whole, backup=False)

    model = compiled(name)
    restore(model, start, keep_masks=False)
    tf.train.Checkpoint(model=model).write(str(tmp_path / "saved before"))  # from when on Keras knows what to save
    with pytest.raises(InterruptedError):
        retrain(model, Interrupt(4))
    if is_new_process:
        model = compiled(name)
    rest = Interrupt()
    assert same(retrain(model, rest), end)
    assert rest.rates == whole.rates[2 * BATCHES :]
    assert points_of(tmp_path / "points") == points


def test_points_kept_before_an_interruption_still_hold(tmp_path):
    """The backup is of the end of epoch 3; the point of epoch 2 is older, that of epoch 5 younger."""

    def train(model, *callbacks):
        points = tl.RewindPoints(tmp_path / "points", epochs=[2, 5])
        fit(model, keras.callbacks.BackupAndRestore(str(tmp_path / "backup")), points, *callbacks)
        return points

    with pytest.raises(InterruptedError):
        train(compiled("a schedule"), Interrupt(3))
    older = points_of(tmp_path / "points")
    model = compiled("a schedule")
    points = train(model)
    end = capture(model)
    assert older.keys() == {"epoch_0002.safetensors"}
    assert older.items() <= points_of(tmp_path / "points").items()
    for epoch in (2, 5):
        assert same(fit(model, tl.WeightRewinding(points, epoch=epoch), initial_epoch=epoch), end)


def test_a_backup_of_the_middle_of_the_first_epoch_is_not_rewound_again(tmp_path):
    def train(model, points, watch):
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), save_freq=2)
        fit(model, backup, tl.LearningRateRewinding(points, epoch=2), watch, initial_epoch=2)

    model, points = compiled("a schedule"), tl.RewindPoints(tmp_path / "points", epochs=[2])
    fit(model, points)
    with pytest.raises(InterruptedError):
        train(model, points, Interrupt(2))
    velocity = capture(model)["optimizer/momentums/dense/kernel"]
    model, watch = compiled("a schedule"), Interrupt()
    seen = []
    watch.on_train_batch_begin = lambda batch, logs=None: seen.append(capture(model))
    train(model, points, watch)
    assert len(watch.rates) == 4 * BATCHES - 2
    assert np.allclose(watch.rates[:4], [0.01] + [0.01] * 3)
    assert np.array_equal(seen[0]["optimizer/momentums/dense/kernel"], velocity)


def test_a_fit_without_backups_after_an_interrupted_one_is_rewound(tmp_path):
    model, points = compiled("a schedule"), tl.RewindPoints(tmp_path / "points", epochs=[2])
    with pytest.raises(InterruptedError):
        fit(model, keras.callbacks.BackupAndRestore(str(tmp_path / "backup")), points, Interrupt(4))
    watch = Interrupt()
    fit(model, tl.WeightRewinding(points, epoch=2), watch, initial_epoch=2)
    assert len(watch.rates) == 4 * BATCHES
    assert int(model.optimizer.iterations) == 6 * BATCHES
