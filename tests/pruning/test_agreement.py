import numpy as np
import pytest

from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.agreement import DiffersError, compared, difference, largest, tolerance_of
from tf_lottery.pruning.predictions import predictions

nan, inf = np.nan, np.inf


@pytest.mark.parametrize(
    ("expected", "got", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.5),
        ([nan, inf, -inf, 1.0], [nan, inf, -inf, 1.0], 0.0),
        ([nan], [1.0], inf),
        ([1.0], [nan], inf),
        ([inf], [-inf], inf),
        ([inf], [1e300], inf),
        ([1.0], [1], inf),
        ([1.0], [1.0, 1.0], inf),
        ([3, 4], [3, 6], 2.0),
        ([True], [False], 1.0),
        ([b"a", b"b"], [b"a", b"b"], 0.0),
        ([b"a", b"b"], [b"a", b"c"], inf),
        ([1 + 1j], [1 - 1j], 2.0),
        ([], [], 0.0),
    ],
)
def test_the_difference_is_the_largest_and_of_what_has_none_infinite(expected, got, apart):
    as_texts = expected and isinstance(expected[0], bytes)
    one, other = (np.array(values, object if as_texts else None) for values in (expected, got))
    assert difference(one, other) == apart


def test_the_largest_value_is_the_largest_finite_magnitude():
    assert largest(np.array([nan, -3.0, inf, 2.0])) == 3.0
    assert largest(np.array([nan])) == largest(np.array([], float)) == largest(np.array([7])) == 0.0


def test_each_output_is_measured_by_its_own_size():
    x = keras.Input((1,))
    large, small = keras.layers.Dense(1, name="large"), keras.layers.Dense(1, name="small")
    model = keras.Model(x, [large(x), small(x)])
    large.set_weights([np.full((1, 1), 1e6), np.zeros(1)])
    small.set_weights([np.full((1, 1), 1e-6), np.zeros(1)])
    batch = np.ones((2, 1), np.float32)
    expected = predictions(model, batch)
    assert tolerance_of(model) == 1e-5

    def off(by):
        return lambda batch: [values + apart for values, apart in zip(expected, by, strict=True)]

    assert compared(model, off((9.0, 9e-12)), batch, expected, 1e-5) == pytest.approx(9.0)
    for by, name in (((11.0, 0), "large"), ((0, 1.1e-11), "small")):
        with pytest.raises(DiffersError, match=f"predicts '{name}' otherwise"):
            compared(model, off(by), batch, expected, 1e-5)
    with pytest.raises(DiffersError, match="has 1 outputs, not 2"):
        compared(model, lambda batch: expected[:1], batch, expected, 1e-5)
    with pytest.raises(DiffersError, match=r"cannot predict \(list index out of range\)"):
        compared(model, lambda batch: [[][0]], batch, expected, 1e-5)


def test_half_precision_may_differ_in_its_last_digits():
    for name, digits in (("mixed_float16", 10), ("mixed_bfloat16", 7)):
        policy = keras.mixed_precision.Policy(name)
        model = keras.Sequential([keras.layers.Dense(2, dtype=policy, input_shape=(3,)), keras.layers.Dense(2)])
        assert tolerance_of(model) == 4 * 2**-digits
