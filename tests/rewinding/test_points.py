"""What `RewindPoints` keeps, whose it is, and what it says where something is not as it should be."""

import errno
import os

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery import checkpoint
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.points import MissingPointError
from tf_lottery.rewinding.state import PointMismatchError, capture

X, Y = np.ones((8, 3), np.float32), np.ones((8, 2), np.float32)


def compiled(optimizer="sgd"):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.compile(optimizer, "mse")
    return model


def drops():
    return keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.01, 0.001])


def fit(model, *callbacks, initial_epoch=0, epochs=2):
    model.fit(X, Y, 8, initial_epoch=initial_epoch, epochs=epochs, callbacks=list(callbacks), verbose=0)


def step_at(points, epoch, model):
    return int(points.read(epoch, model)["optimizer/iteration"])


def test_points_of_two_models_are_refused_before_the_second_trains(tmp_path):
    points, first, second = tl.RewindPoints(tmp_path, epochs=[1]), compiled(), compiled()
    fit(first, points)
    with pytest.raises(
        ValueError, match=r"are of another model than this one, 'sequential.*; expected .* Make a Rewind"
    ):
        fit(second, points)
    assert int(second.optimizer.iterations) == 0
    fit(first, tl.WeightRewinding(points, epoch=1), points, initial_epoch=1)
    with pytest.raises(ValueError, match="of another model"):
        fit(second, points)
    fit(second, points, tl.WeightRewinding(points, epoch=1), initial_epoch=1)  # a copy of the first: as it would


def test_points_of_a_model_before_it_had_masks_are_rewound_to(tmp_path):
    plain, points = compiled("adam"), tl.RewindPoints(tmp_path, epochs=[1])
    fit(plain, points)
    kept = points.read(1, plain)["weights/dense/kernel"]
    model = tl.prunable(plain)
    tl.prune(model, 0.5)
    tl.rewind_weights(model, points, epoch=1)
    ((_, mask),) = tl.masks(model).items()
    assert np.array_equal(model.layers[0].layer.kernel.numpy(), np.where(mask, kept, 0))


def test_points_of_an_earlier_training_in_the_folder_are_refused_until_they_are_replaced(tmp_path):
    fit(compiled(), tl.RewindPoints(tmp_path, epochs=[1, 3]), epochs=3)
    old = (tmp_path / "epoch_0003.safetensors").read_bytes()
    model, points = compiled(), tl.RewindPoints(tmp_path, epochs=[1, 3])
    fit(model, points)  # ends before it gets to epoch 3
    for reader in (points, tl.RewindPoints(tmp_path)):
        assert step_at(reader, 1, model) == 1
        with pytest.raises(MissingPointError, match=r"of epoch 3 .* is of an earlier training than the last one"):
            reader.read(3, model)
    assert (tmp_path / "epoch_0003.safetensors").read_bytes() == old
    fit(model, tl.RewindPoints(tmp_path, epochs=[3]), initial_epoch=2, epochs=3)  # goes on in another process
    assert step_at(tl.RewindPoints(tmp_path), 3, model) == 3


def test_a_training_that_goes_on_or_a_retraining_replaces_no_point(tmp_path):
    model, points = compiled(), tl.RewindPoints(tmp_path, epochs=[0, 1, 2])
    fit(model, points)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    fit(model, points)  # fine-tuned
    for rewinding in (tl.WeightRewinding, tl.LearningRateRewinding):  # in other processes, points before or after
        again = tl.RewindPoints(tmp_path, epochs=[0, 1, 2, 3])
        fit(model, again, rewinding(again, epoch=0), epochs=3)
        again = tl.RewindPoints(tmp_path, epochs=[0, 1, 2, 3])
        fit(model, rewinding(again, epoch=1), again, initial_epoch=1, epochs=3)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_a_point_kept_just_before_an_error_is_not_replaced_by_the_next_fit(tmp_path):
    model, points = compiled(), tl.RewindPoints(tmp_path, epochs=[1])

    def fail(epoch, logs):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(model, points, keras.callbacks.LambdaCallback(on_epoch_end=fail))
    kept = points.read(1, model)["weights/dense/kernel"]
    model.layers[0].kernel.assign_add(tf.ones([3, 2]))
    fit(model, points, initial_epoch=1)
    assert np.array_equal(points.read(1, model)["weights/dense/kernel"], kept)


def test_a_shifted_schedule_goes_on_where_it_stood_in_the_point(tmp_path):
    model, points = compiled(keras.optimizers.SGD(tl.OffsetSchedule(drops(), 2))), tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points)
    for rewind in (tl.rewind_weights, tl.rewind_learning_rate):
        model.optimizer._learning_rate.offset.assign(0)
        rewind(model, points, epoch=1)
        fit(model, epochs=1)  # one step, the fourth of the schedule
        assert float(model.optimizer.learning_rate) == np.float32(0.01)
    with pytest.raises(ValueError, match=r"expected tl\.OffsetSchedule"):
        tl.rewind_weights(compiled(keras.optimizers.SGD(drops())), points, epoch=1)


REFUSED = {
    "epochs a number": (lambda p: tl.RewindPoints(p, epochs=10), TypeError, r"epochs is 10 \(int\); expected a list"),
    "epochs a text": (lambda p: tl.RewindPoints(p, epochs="10"), TypeError, r"epochs is '10' \(str\); expected a list"),
    "epochs None": (lambda p: tl.RewindPoints(p, epochs=None), TypeError, r"epochs is None .*; expected a list"),
    "a fraction": (lambda p: tl.RewindPoints(p, epochs=[1.5]), TypeError, r"each of epochs is 1.5 .* a whole number"),
    "true": (lambda p: tl.RewindPoints(p, epochs=[True]), TypeError, r"each of epochs is True .* a whole number"),
    "below 0": (lambda p: tl.RewindPoints(p, epochs=[0, -1]), ValueError, r"each of epochs is -1; expected 0 or more"),
    "no folder": (lambda p: tl.RewindPoints(None), TypeError, r"folder is None .*; expected a path"),
    "points a path": (
        lambda p: tl.WeightRewinding(str(p), epoch=1),
        TypeError,
        r"points is '.*; expected a tl.RewindP",
    ),
    "points None": (lambda p: tl.LearningRateRewinding(None, epoch=1), TypeError, r"points is None .*; expected a tl"),
    "epoch a float": (
        lambda p: tl.WeightRewinding(tl.RewindPoints(p), epoch=1.0),
        TypeError,
        r"epoch is 1.0 \(float\); expected a whole number",
    ),
    "epoch a text": (
        lambda p: tl.LearningRateRewinding(tl.RewindPoints(p), epoch="1"),
        TypeError,
        r"epoch is '1' \(str\); expected a whole number",
    ),
    "epoch None": (
        lambda p: tl.WeightRewinding(tl.RewindPoints(p), epoch=None),
        TypeError,
        r"epoch is None .* a whole",
    ),
    "epoch below 0": (
        lambda p: tl.WeightRewinding(tl.RewindPoints(p), epoch=-1),
        ValueError,
        r"epoch is -1; expected 0",
    ),
    "by hand, points": (lambda p: tl.rewind_weights(compiled(), p, epoch=1), TypeError, r"points is .*; expected a tl"),
    "by hand, epoch": (
        lambda p: tl.rewind_learning_rate(compiled(), tl.RewindPoints(p), epoch="1"),
        TypeError,
        r"epoch is '1' \(str\); expected a whole number",
    ),
    "keep, epoch": (
        lambda p: tl.RewindPoints(p, [1]).keep(compiled(), 1.5),
        TypeError,
        r"epoch is 1.5 .* a whole number",
    ),
    "not compiled": (
        lambda p: tl.rewind_learning_rate(keras.Sequential(), tl.RewindPoints(p), epoch=1),
        ValueError,
        r"not compiled, .* Call model.compile",
    ),
    "no model": (
        lambda p: tl.rewind_weights(tl.RewindPoints(p), tl.RewindPoints(p), epoch=1),
        TypeError,
        r"model is <.*RewindPoints.*; expected a Keras 2 model",
    ),
    "legacy": (
        lambda p: fit(compiled(keras.optimizers.legacy.SGD(0.1, decay=0.1)), tl.RewindPoints(p, epochs=[9])),
        ValueError,
        r"SGD is a legacy optimizer, .* Use the one of the same name",
    ),
    "legacy, rewound": (
        lambda p: fit(compiled(keras.optimizers.legacy.Adam()), tl.LearningRateRewinding(tl.RewindPoints(p), epoch=1)),
        ValueError,
        r"Adam is a legacy optimizer",
    ),
    "no weights yet": (
        lambda p: fit(unbuilt(), tl.RewindPoints(p, epochs=[0])),
        ValueError,
        r"no weights yet, .* Give its first layer an input shape",
    ),
    "read, epoch": (lambda p: tl.RewindPoints(p).read("1", compiled()), TypeError, r"epoch is '1' .* a whole number"),
    "read, model": (
        lambda p: tl.RewindPoints(p).read(1, None),
        TypeError,
        r"model is None .*; expected a Keras 2 model",
    ),
    "offset": (
        lambda p: tl.OffsetSchedule(drops(), 0.5),
        TypeError,
        r"offset is 0.5; expected a whole number of steps",
    ),
    "a schedule, not a schedule": (
        lambda p: tl.OffsetSchedule(0.1),
        TypeError,
        r"schedule is 0.1; expected a schedule",
    ),
}


def unbuilt():
    model = keras.Sequential([keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused_in_a_sentence_before_anything_trains(tmp_path, name):
    act, kind, sentence = REFUSED[name]
    with pytest.raises(kind, match=sentence):
        act(tmp_path)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "training.txt"])


@pytest.mark.parametrize("epochs", [[1], (1,), {1}, range(2), np.array([1]), [np.int64(1)], iter([1])])
def test_epochs_are_whole_numbers_in_any_collection(tmp_path, epochs):
    model, points = unbuilt(), tl.RewindPoints(str(tmp_path), epochs=set(epochs) - {0})
    fit(model, points)
    assert step_at(points, 1, model) == 1
    fit(model, tl.WeightRewinding(points, epoch=np.int64(1)), initial_epoch=1)


def test_a_folder_that_cannot_be_written_is_said_before_the_training(tmp_path):
    (tmp_path / "file").touch()
    model = compiled()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            OSError, match=r"cannot be kept: .*file.*: (File exists|Not a dir).* Expected a folder .*; mend"
        ):
            fit(model, tl.RewindPoints(folder, epochs=[2]))
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("rewinding", [tl.WeightRewinding, tl.LearningRateRewinding])
def test_a_fit_that_would_train_nothing_is_refused_before_anything_is_rewound(tmp_path, rewinding):
    """`epochs` is the epoch at which `fit` ends, and often taken for how many are trained."""
    model, points = compiled(), tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points)
    before = capture(model)
    with pytest.raises(ValueError, match=r"ends at epoch 1, but .* rewound to epoch 1, so .* Pass initial_epoch=1 and"):
        fit(model, rewinding(points, epoch=1), initial_epoch=1, epochs=1)
    assert all(np.array_equal(before[name], value) for name, value in capture(model).items())


def test_epochs_behind_the_end_of_fit_are_told(tmp_path, caplog):
    fit(compiled(), tl.RewindPoints(tmp_path, epochs=[1, 2, 30]))
    assert "this fit ends at epoch 2: the rewind points of epochs [30] are not kept in it" in caplog.text


def test_a_full_disk_is_said_with_the_room_that_is_needed(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"epoch_0001.safetensors: No space left .* room for 0\.0 MB a point; mend"):
        fit(compiled(), tl.RewindPoints(tmp_path, epochs=[1]))
    assert [path.name for path in tmp_path.iterdir()] == ["training.txt"]


def test_a_file_that_is_no_point_or_cannot_be_read_is_refused(tmp_path):
    model, points = compiled(), tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points)
    (tmp_path / "epoch_0001.safetensors").rename(tmp_path / "epoch_0002.safetensors")
    checkpoint.write(tmp_path / "epoch_0003.safetensors", capture(model), {"step": 3})
    (tmp_path / "epoch_0004.safetensors").mkdir()
    (tmp_path / "epoch_of_mine.safetensors").touch()
    for epoch in (2, 3):
        with pytest.raises(PointMismatchError, match=rf"is not the rewind point of epoch {epoch}; expected a file"):
            points.read(epoch, model)
    with pytest.raises(OSError, match=r"of epoch 4 cannot be read: .*: Is a directory\. Expected a file"):
        points.read(4, model)
    with pytest.raises(MissingPointError, match=r"it has \[2, 3, 4\]"):
        points.read(1, model)


def test_another_kind_of_learning_rate_is_refused(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)
    for number, (kept, compiled_with) in enumerate([(0.1, schedule), (schedule, 0.1)]):
        model, points = compiled(keras.optimizers.SGD(kept)), tl.RewindPoints(tmp_path / str(number), epochs=[1])
        fit(model, points)
        model.compile(keras.optimizers.SGD(compiled_with), "mse")
        with pytest.raises(
            PointMismatchError, match=r"was kept with a .* as learning rate; the model has a .* Compile"
        ):
            fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
