from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.counts import kept_count

RESNET20, RESNET56, RESNET50 = 271_152, 851_760, 25_502_912

# One-shot densities as published, rounded to four digits, and what the authors' rule keeps of each network.
ONE_SHOT = [
    (0.8, 216_921, 681_408, 20_402_329),
    (0.64, 173_537, 545_126, 16_321_864),
    (0.512, 138_830, 436_101, 13_057_491),
    (0.4096, 111_064, 348_881, 10_445_993),
    (0.3277, 88_857, 279_122, 8_357_304),
    (0.2621, 71_069, 223_247, 6_684_313),
    (0.2097, 56_861, 178_614, 5_347_961),
    (0.1678, 45_500, 142_926, 4_279_389),
    (0.1342, 36_389, 114_307, 3_422_491),
    (0.1074, 29_122, 91_479, 2_739_013),
]
# 0.8^k from level 5 on, where rounding to four digits makes a difference.
ITERATIVE = [
    (5, 88_851, 279_105, 8_356_794),
    (6, 71_081, 223_284, 6_685_436),
    (7, 56_865, 178_627, 5_348_349),
    (8, 45_492, 142_902, 4_278_679),
    (9, 36_394, 114_322, 3_422_943),
    (10, 29_115, 91_457, 2_738_355),
]


@pytest.mark.parametrize(("density", *("resnet20", "resnet56", "resnet50")), ONE_SHOT)
def test_the_published_one_shot_counts(density, resnet20, resnet56, resnet50):
    assert [kept_count(n, density) for n in (RESNET20, RESNET56, RESNET50)] == [resnet20, resnet56, resnet50]


@pytest.mark.parametrize(("level", *("resnet20", "resnet56", "resnet50")), ITERATIVE)
def test_the_published_iterative_counts(level, resnet20, resnet56, resnet50):
    multiplied = 1.0
    for _ in range(level):
        multiplied *= 0.8  # as the published data have it: 0.6400000000000001
    for density in (0.8**level, multiplied):
        assert [kept_count(n, density) for n in (RESNET20, RESNET56, RESNET50)] == [
            resnet20,
            resnet56,
            resnet50,
        ]


@given(total=st.integers(1, 400), hundredths=st.integers(1, 100))
def test_the_count_is_what_the_authors_percentile_keeps(total, hundredths):
    # Their rule, in exact arithmetic: drop what is strictly below the linear-interpolation percentile.
    weights = np.arange(total)
    position = (1 - Fraction(hundredths, 100)) * (total - 1)
    assert kept_count(total, hundredths / 100) == int((weights >= position).sum())


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_a_density_out_of_range_is_refused(density):
    with pytest.raises(ValueError, match="expected a share"):
        kept_count(10, density)
