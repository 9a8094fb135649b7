"""A wrong argument is answered with one sentence that says what it is and what was expected."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras

layers = keras.layers


@pytest.fixture(scope="module")
def model():
    return tl.prunable(keras.Sequential([layers.Dense(3, input_shape=(4,), name="one"), layers.Dense(2, name="two")]))


def mask(change):
    return lambda model: tl.set_masks(model, tl.masks(model) | {"one/kernel": change})


ONES = np.ones((4, 3))
WRONG = [
    # what is called, the error, what it says
    *(
        (lambda _, call=call, value=value: call(value), TypeError, said)
        for call in (tl.prunable, tl.strip)
        for value, said in ((None, "got builtins.NoneType"), ([1], "got builtins.list"), ("m", "got builtins.str"))
    ),
    *(
        (lambda _, call=call, value=value: call(value), TypeError, "expected what tf_lottery.prunable")
        for call in (tl.density, tl.masks, lambda m: tl.prune(m, 0.5), lambda m: tl.set_masks(m, {}))
        for value in (None, [1], "m", layers.Dense(2))
    ),
    (lambda _: tl.density(keras.Sequential([layers.Dense(2, input_shape=(3,))])), ValueError, "has no masks"),
    (lambda _: tl.prunable(keras.Sequential([layers.Dense(2)])), ValueError, r"Call model\.build"),
    (lambda _: tl.prunable(keras.Sequential([layers.ReLU(input_shape=(2,))])), ValueError, "nothing to prune"),
    *(
        (lambda model, value=value: tl.prunable(model, exclude=value), TypeError, "exclude is .* expected a name, or")
        for value in (None, 3, [3], {"one": 1}.values())
    ),
    (lambda model: tl.prunable(model, exclude="oen"), ValueError, "no layer 'oen'. Did you mean 'one'"),
    *(
        (lambda model, value=value: tl.prune(model, value), TypeError, "density is .* expected a number")
        for value in (None, "0.5", [0.5], True, np.array([0.5, 0.5]), 1j)
    ),
    *(
        (lambda model, value=value: tl.prune(model, value), ValueError, "expected above 0 and at most 1")
        for value in (0, 0.0, -1, 2, 1.0001, float("nan"), float("inf"))
    ),
    *(
        (lambda model, value=value: tl.prune(model, 1, seed=value), TypeError, "seed is .* expected a whole number")
        for value in (None, 1.5, "1", True)
    ),
    (lambda model: tl.prune(model, 1, seed=-1), ValueError, "seed is -1; expected 0 or more"),
    *(
        (lambda model, value=value: tl.prune(model, 1, heuristic=value), TypeError, "heuristic is .* expected one of")
        for value in (None, 3, ["random"])
    ),
    (lambda model: tl.prune(model, 1, heuristic="randon"), ValueError, "Did you mean 'random'"),
    *(
        (lambda model, value=value: tl.set_masks(model, value), TypeError, "a dictionary")
        for value in (None, [ONES], 1)
    ),
    (lambda model: tl.set_masks(model, {}), ValueError, "none for 'one/kernel'"),
    (lambda model: tl.set_masks(model, tl.masks(model) | {3: ONES}), ValueError, "one for 3, which is no kernel"),
    (mask(None), ValueError, r"shape \(\); expected 0 and 1 in the kernel's shape \(4, 3\)"),
    (mask(ONES.T), ValueError, r"shape \(3, 4\)"),
    (mask([[1], [1, 2]]), ValueError, "no array"),
    (mask(ONES * 2), ValueError, "other values"),
    (mask(ONES * np.nan), ValueError, "other values"),
    (mask(ONES.astype(str)), ValueError, "other values"),
    (lambda _: tl.Masked(None), TypeError, "layer is None .* expected a layer of Keras 2"),
    (lambda _: tl.Masked("Dense"), TypeError, "expected a layer of Keras 2"),
    (lambda _: tl.Masked(layers.PReLU()), ValueError, "cannot be pruned by TF-MOT"),
    (lambda model: tl.Masked(model.layers[0]), ValueError, "is wrapped already"),
    (lambda _: tl.Masked(layers.Dense(2), block_size=(1, 4)), TypeError, "block_size: masks are set by"),
]


@pytest.mark.parametrize(("call", "error", "said"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_argument_is_said_and_changes_nothing(model, call, error, said):
    with pytest.raises(error, match=said):
        call(model)
    assert tl.density(model) == 1


@pytest.mark.parametrize("density", [1, np.float32(0.5), np.float64(0.5), np.array(0.5), np.int64(1)])
def test_numbers_of_every_kind_are_densities(model, density):
    fresh = tl.prunable(model)
    assert tl.prune(fresh, density, seed=np.int64(3)).density == pytest.approx(float(density), abs=0.05)


@pytest.mark.parametrize("kind", [bool, np.int64, np.float16, list])
def test_masks_of_every_kind_are_taken(model, kind):
    fresh = tl.prunable(model)
    half = ONES * [1, 0, 1]
    value = half.tolist() if kind is list else half.astype(kind)
    tl.set_masks(fresh, tl.masks(fresh) | {"one/kernel": value})
    assert np.array_equal(tl.masks(fresh)["one/kernel"], half)
