"""States of any precision go out and back bit for bit, and a value that was not put back is noticed."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.rewinding.state import PointMismatchError, capture, restore

X = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 24)


def compiled(dtype="float32"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Dense(5, input_shape=(6,), dtype=dtype),
            keras.layers.BatchNormalization(dtype=dtype),
            keras.layers.Dense(3, dtype=dtype),
        ]
    )
    model = tl.prunable(model)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, *callbacks, initial_epoch=0):
    model.fit(X, Y, 8, shuffle=False, initial_epoch=initial_epoch, epochs=3, callbacks=list(callbacks), verbose=0)
    return capture(model)


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "mixed_bfloat16"])
def test_a_training_of_any_precision_is_repeated_bit_for_bit_under_its_masks(tmp_path, dtype):
    model, points = compiled(dtype), tl.RewindPoints(tmp_path, epochs=[1])
    end = fit(model, points)
    assert end["weights/dense/kernel"].dtype.name == ("float32" if "mixed" in dtype else dtype)
    for again in (model, compiled(dtype)):
        assert same(fit(again, tl.WeightRewinding(points, epoch=1), initial_epoch=1), end)
    tl.prune(model, 0.5)
    fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
    tl.rewind_weights(model, points, epoch=1)
    kept, mask = points.read(1, model)["weights/dense/kernel"], next(iter(tl.masks(model).values()))
    assert np.array_equal(model.layers[0].layer.kernel.numpy()[mask == 1], kept[mask == 1])
    assert not model.layers[0].layer.kernel.numpy()[mask == 0].any()


def test_a_global_policy_of_bfloat16_is_taken_too(tmp_path):
    policy = keras.mixed_precision.global_policy()
    try:
        keras.mixed_precision.set_global_policy("bfloat16")
        model, points = compiled(None), tl.RewindPoints(tmp_path, epochs=[1])
        end = fit(model, points)
        assert {value.dtype.name for name, value in end.items() if "/dense" in name} == {"bfloat16"}
        model.optimizer.learning_rate = 0.5
        fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
        assert same(fit(model, tl.WeightRewinding(points, epoch=1), initial_epoch=1), end)
    finally:
        keras.mixed_precision.set_global_policy(policy)


def test_a_layer_that_was_frozen_since_is_rewound_too_and_is_not_taken_for_another(tmp_path):
    def network():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.layers.Dense(6, input_shape=(6,)), keras.layers.Dense(6), keras.layers.Dense(6)]
        )
        model = tl.prunable(model)
        model.compile(keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    model, points = network(), tl.RewindPoints(tmp_path, epochs=[1])
    end = fit(model, points)
    kept, kernels = points.read(1, model), [layer.layer.kernel for layer in model.layers]
    model.layers[0].trainable = False
    model.compile(model.optimizer, model.loss)
    assert capture(model).keys() == end.keys()
    tl.rewind_weights(model, points, epoch=1)
    names = ["weights/dense/kernel", "weights/dense/kernel#2", "weights/dense/kernel#3"]
    assert [kernel.numpy().tobytes() for kernel in kernels] == [kept[name].tobytes() for name in names]
    fit(model, initial_epoch=1)
    assert np.array_equal(kernels[0].numpy(), kept[names[0]])
    model.layers[0].trainable = True
    model.compile(model.optimizer, model.loss)
    assert same(fit(model, tl.WeightRewinding(points, epoch=1), initial_epoch=1), end)


def test_a_state_of_another_precision_leaves_the_model_as_it_was():
    model = compiled("bfloat16")
    before = capture(model)
    with pytest.raises(PointMismatchError, match=r"has dtype float32 there and bfloat16 here\. Use the policy"):
        restore(model, capture(compiled()), keep_masks=False)
    assert same(capture(model), before)


def test_each_value_that_was_not_put_back_is_noticed(monkeypatch):
    model = compiled()
    tl.prune(model, 0.5)
    state = capture(model)
    other = {name: np.asarray(value + value.dtype.type(1)) for name, value in state.items()}
    variables = {id(variable): variable for variable in (*model.variables, *model.optimizer.variables)}
    variables = [*variables.values(), model.optimizer._learning_rate]
    noticed = set()
    for spared in variables:
        restore(model, state, keep_masks=False)
        with monkeypatch.context() as patch:
            patch.setattr(spared, "assign", lambda value: None)  # as where a thread trains at the same time
            noticed.add(complaint(model, other))
    assert noticed - {""} == {f"{name} does not read as what was restored to it" for name in state}


def complaint(model, state):
    try:
        restore(model, state, keep_masks=False)
    except RuntimeError as error:
        return str(error).partition(".")[0]
    return ""  # of a variable that is no part of the state


def test_variables_that_an_optimizer_does_not_list_are_kept(tmp_path):
    class Counting(keras.optimizers.SGD):
        """Steps by a share that it keeps beside its variables."""

        def build(self, var_list):
            if not getattr(self, "_built", False):
                self._share = tf.Variable(1.0)
            super().build(var_list)

        def update_step(self, gradient, variable):
            self._share.assign(0.9 * self._share)
            super().update_step(self._share * gradient, variable)

    model = compiled()
    model.compile(Counting(0.1), model.loss)
    points = tl.RewindPoints(tmp_path, epochs=[1])
    end = fit(model, points)
    assert same(fit(model, tl.WeightRewinding(points, epoch=1), initial_epoch=1), end)
    assert end["optimizer/share"] < points.read(1, model)["optimizer/share"] < 1
