import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.layer_rates import LAYER_RATES

LENET = {"hidden_1": (784, 300), "hidden_2": (300, 100), "logits": (100, 10)}
CONVOLUTIONS = {"stem": (3, 3, 3, 16), "conv": (3, 3, 16, 32), "logits": (32, 10)}

shapes = st.lists(st.lists(st.integers(1, 40), min_size=2, max_size=4).map(tuple), min_size=1, max_size=5).map(
    lambda found: {f"kernel_{place}": shape for place, shape in enumerate(found)}
)


def kept(of, rates):
    return sum(rates[name] * math.prod(shape) for name, shape in of.items())


@pytest.mark.parametrize("rule", LAYER_RATES)
@given(of=shapes, densities=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)))
def test_a_rule_shares_out_the_density_and_never_gives_back(rule, of, densities):
    low, high = sorted(densities)
    total = sum(map(math.prod, of.values()))
    less, more = (LAYER_RATES[rule](of, density) for density in (low, high))
    for density, rates in ((low, less), (high, more)):
        assert rates.keys() == of.keys()
        assert all(0 <= rate <= 1 for rate in rates.values())
        assert kept(of, rates) == pytest.approx(density * total, rel=1e-9)
    assert all(less[name] <= more[name] + 1e-12 for name in of)


def test_erk_by_hand():
    # Shares of (10, 10) and (100, 100) are 0.2 and 0.02: 101 of 10,100 weights are 101/220 times 20 and 200.
    rates = LAYER_RATES["erk"]({"small": (10, 10), "large": (100, 100)}, 0.01)
    assert rates == pytest.approx({"small": 0.2 * 101 / 220, "large": 0.02 * 101 / 220})


def test_erk_keeps_small_kernels_whole_and_gives_the_rest_to_the_others():
    # At 0.3 the small one would have 2.75 of its weights: it has all, and the large one 3,030 - 100 of 10,000.
    rates = LAYER_RATES["erk"]({"small": (10, 10), "large": (100, 100)}, 0.3)
    assert rates == pytest.approx({"small": 1.0, "large": 0.293})


@pytest.mark.parametrize("rounds", [1, 3, 10])
def test_the_output_layer_loses_half_as_much_a_round(rounds):
    expected = {"hidden_1": 0.8**rounds, "hidden_2": 0.8**rounds, "logits": 0.9**rounds}
    density = kept(LENET, expected) / 266_200
    assert LAYER_RATES["half_output"](LENET, density) == pytest.approx(expected, rel=1e-9)


def test_convolutions_and_dense_kernels_share_a_rate_in_half_output():
    rates = LAYER_RATES["half_output"](CONVOLUTIONS, 0.5)
    assert rates["stem"] == rates["conv"]
    assert rates["logits"] == pytest.approx(rates["conv"] ** (math.log(0.9) / math.log(0.8)), rel=1e-9)
