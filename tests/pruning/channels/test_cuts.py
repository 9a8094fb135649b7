"""Which channels stay, on chains of dense kernels as arrays: properties, and beside every choice that there is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.channels.cuts import Cut, alive, choose, share, without
from tf_lottery.pruning.channels.group import Group


def chain(*sizes):
    """Return the groups and full masks of dense kernels k0 [sizes[0], sizes[1]], k1 and so on; the ends stay."""
    masks = {f"k{place}": np.ones(pair, np.uint8) for place, pair in enumerate(pairwise(sizes))}
    groups = [
        Group(
            size=size,
            makers={f"k{place}": 1},
            places={f"k{place}": {1: np.arange(size)}, f"k{place + 1}": {0: np.arange(size)}},
        )
        for place, size in enumerate(sizes[1:-1])
    ]
    return groups, masks


USES = {"k0": 9, "k1": 4, "k2": 1, "k3": 1}
cuts = st.builds(
    Cut,
    scope=st.sampled_from(["share", "global"]),
    round_to=st.sampled_from([1, 2, 3]),
    density_of=st.sampled_from(["weights", "channels", "flops"]),
    uses=st.just(USES),
)
networks = st.lists(st.integers(1, 7), min_size=1, max_size=3)


@given(networks, cuts, st.lists(st.integers(1, 100), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_a_cut_keeps_the_highest_of_each_group_in_its_multiples_and_nothing_comes_back(sizes, cut, densities, random):
    groups, masks = chain(3, *sizes, 2)
    for density in sorted(densities, reverse=True):
        scores = [np.array([float(random.randint(0, 3)) for _ in range(group.size)]) for group in groups]
        for group, score in zip(groups, scores, strict=True):
            score[~alive(group, masks)] = -np.inf
        new = choose(groups, scores, masks, density / 100, cut)
        assert all((new[name] <= masks[name]).all() for name in masks)
        for group, score in zip(groups, scores, strict=True):
            there = alive(group, new)
            number = int(there.sum())
            assert number >= min(cut.round_to, group.size)
            assert number == group.size or number % cut.round_to == 0
            assert score[there].min() >= score[~there].max(initial=-np.inf)
            first = np.argsort(-score, kind="stable")[:number]
            assert np.array_equal(np.flatnonzero(there), np.sort(first))  # of equals, the first
        masks = new


@given(networks, cuts, st.integers(1, 100), st.randoms(use_true_random=False))
def test_no_other_cut_of_the_same_kind_comes_nearer(sizes, cut, density, random):
    """Beside all shares, and all numbers of channels of the highest scores, that there are."""
    groups, masks = chain(3, *sizes, 2)
    scores = [np.array(random.sample(range(100), group.size), float) + place / 10 for place, group in enumerate(groups)]
    found = share(groups, choose(groups, scores, masks, density / 100, cut), cut)
    multiples = [[*range(cut.round_to, size, cut.round_to), size] for size in sizes]
    if cut.scope == "share":
        wanted = [[each / 5040 * size for size in sizes] for each in range(5041)]
    else:
        every = sorted(np.concatenate(scores), reverse=True)
        wanted = [[sum(score >= border) for score in scores] for border in (np.inf, *every)]
    # Of two multiples equally near, the larger.
    numbers = {
        tuple(min(reversed(each), key=lambda number, want=want: abs(number - want))
              for each, want in zip(multiples, wants, strict=True))
        for wants in wanted
    }  # fmt: skip
    shares = [counted(groups, masks, each, cut) for each in numbers]
    assert abs(found - density / 100) == pytest.approx(min(abs(each - density / 100) for each in shares), abs=1e-9)


def counted(groups, masks, numbers, cut):
    """Return the share that so many channels of each group are, by the sizes of what is left."""
    if cut.density_of == "channels":
        return sum(numbers) / sum(group.size for group in groups)
    widths = [masks["k0"].shape[0], *numbers, masks[f"k{len(groups)}"].shape[1]]
    uses = USES if cut.density_of == "flops" else dict.fromkeys(USES, 1)
    kept = sum(uses[f"k{place}"] * one * two for place, (one, two) in enumerate(pairwise(widths)))
    return kept / sum(uses[name] * mask.size for name, mask in masks.items())


def test_a_global_cut_takes_the_lowest_wherever_they_are():
    groups, masks = chain(2, 3, 3, 2)
    cut = Cut(scope="global", round_to=1, density_of="channels", uses={})
    new = choose(groups, [np.array([1.0, 5, 2]), np.array([6.0, 0, 7])], masks, 3 / 6, cut)
    assert alive(groups[0], new).tolist() == [False, True, False]
    assert alive(groups[1], new).tolist() == [True, False, True]
    assert new["k1"].tolist() == [[0, 0, 0], [1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("round_to", [1, 4])
def test_where_fewer_are_left_than_a_density_between_two_numbers_asks_for_none_go(round_to):
    groups, masks = chain(2, 8, 8, 2)
    cut = Cut(scope="share", round_to=round_to, density_of="weights", uses={})
    scores = [np.arange(8.0), np.arange(8.0)]
    new = choose(groups, scores, masks, 0.5, cut)
    present = share(groups, new, cut)
    step = {1: 0.01, 4: 0.2}[round_to]
    again = choose(groups, [np.where(alive(group, new), 1.0, -np.inf) for group in groups], new, present + step, cut)
    assert all(np.array_equal(again[name], new[name]) for name in new)
    with pytest.raises(ValueError, match=r"expected at most 0.*the present one"):
        choose(groups, scores, new, 1.0, cut)


def test_what_other_prunings_left_counts_as_it_is():
    """Half of the first layer is gone already, and only the second may lose more, until 21 of 60 weights stay."""
    (first, second), masks = chain(3, 6, 6, 1)
    half = choose([first], [np.arange(6.0)], masks, 0.5, Cut(scope="share", round_to=1, density_of="channels", uses={}))
    assert sum(int(mask.sum()) for mask in half.values()) == 3 * 3 + 3 * 6 + 6
    cut = Cut(scope="global", round_to=1, density_of="weights", uses={})
    new = choose([second], [np.arange(6.0)], half, 21 / 60, cut)
    assert alive(second, new).sum() == 3
    assert sum(int(mask.sum()) for mask in new.values()) == 3 * 3 + 3 * 3 + 3


def test_without_a_channel_nothing_makes_or_reads_it():
    (first, second), masks = chain(2, 3, 4, 2)
    fewer = without(masks, first, 1)
    assert fewer.keys() == {"k0", "k1"}
    assert fewer["k0"].tolist() == [[1, 0, 1]] * 2
    assert fewer["k1"].sum(axis=1).tolist() == [4, 0, 4]
    assert masks["k0"].all()
    assert second.name == "k1"


def test_nan_among_scores_is_refused():
    groups, masks = chain(2, 3, 2)
    with pytest.raises(ValueError, match="scores hold NaN"):
        choose(
            groups,
            [np.array([1.0, np.nan, 2.0])],
            masks,
            0.5,
            Cut(scope="share", round_to=1, density_of="weights", uses={}),
        )


def test_every_number_there_may_be_is_a_multiple_or_all():
    groups, masks = chain(1, 5, 1)
    cut = Cut(scope="share", round_to=2, density_of="channels", uses={})
    kept = {
        int(alive(groups[0], choose(groups, [np.arange(5.0)], masks, density / 20, cut)).sum())
        for density in range(1, 21)
    }
    assert kept == {2, 4, 5}
