"""Rounds of the lottery ticket paper: P_m as it counts it, and controls of equal counts."""

import math

import numpy as np
import pytest

from tf_lottery.networks.registry import find
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.counts import kept_count
from tf_lottery.pruning.heuristics import HEURISTICS, control_of
from tf_lottery.pruning.shuffled import Shuffled

LENET = find("lenet_300_100").kernel_shapes(shape=(28, 28, 1), classes=10)
SHAPES = {name: find(name).kernel_shapes(shape=(32, 32, 3), classes=10) for name in ("conv2", "conv6", "lth_resnet18")}


@pytest.mark.parametrize(("rounds", "percent"), [(3, 51.3), (7, 21.1), (15, 3.6)])
def test_p_m_of_lenet_is_the_papers(rounds, percent):
    # Frankle & Carbin 2019, Figure 3.
    assert round(100 * HEURISTICS["half_output_magnitude"].after(LENET, rounds), 1) == percent


@pytest.mark.parametrize(
    ("heuristic", "shapes", "rates"),
    [
        ("half_output_magnitude", LENET, {"hidden_1": 0.2, "hidden_2": 0.2, "logits": 0.1}),
        ("conv_10_magnitude", SHAPES["conv2"], {"conv": 0.1, "hidden": 0.2, "logits": 0.1}),
        ("conv_15_magnitude", SHAPES["conv6"], {"conv": 0.15, "hidden": 0.2, "logits": 0.1}),
    ],
)
def test_each_layer_has_its_own_share_left_after_whole_rounds_to_the_weight(heuristic, shapes, rates):
    row = HEURISTICS[heuristic]
    total = sum(map(math.prod, shapes.values()))
    for rounds in range(1, 21):
        left = {
            name: (1 - next(rate for word, rate in rates.items() if name.startswith(word))) ** rounds for name in shapes
        }
        density = round(row.after(shapes, rounds), 10)  # as a spec has it
        assert density == pytest.approx(sum(left[name] * math.prod(shape) for name, shape in shapes.items()) / total)
        expected = [kept_count(math.prod(shape), left[name]) for name, shape in shapes.items()]
        assert row._counts(shapes, density) == expected


def test_the_output_layer_is_spared_where_a_global_threshold_prunes_the_others():
    row = HEURISTICS["output_kept_magnitude"]
    generator = np.random.default_rng(1)
    shapes = {"conv": (3, 3, 4, 8), "hidden": (40, 30), "logits": (30, 10)}
    kernels = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    kernels["logits"] *= 1e-3  # the smallest of all
    masks = {name: np.ones(shape, np.uint8) for name, shape in shapes.items()}
    for rounds in range(1, 6):
        density = round(row.after(shapes, rounds), 10)
        masks = row.choose(kernels=kernels, masks=masks, density=density, seed=0)
        others = sum(int(masks[name].sum()) for name in ("conv", "hidden"))
        assert others == pytest.approx(0.8**rounds * (288 + 1200), abs=1)
        assert masks["logits"].all()
        kept = min(np.abs(kernels[name][masks[name] == 1]).min() for name in ("conv", "hidden"))
        gone = max(np.abs(kernels[name][masks[name] == 0]).max() for name in ("conv", "hidden"))
        assert gone < kept
    with pytest.raises(ValueError, match="100 weights are to be kept, fewer than the 300 of the output layer"):
        row.choose(kernels=kernels, masks=masks, density=100 / 1788, seed=0)


def test_rounds_without_rates_by_layer_leave_four_fifths_each():
    assert HEURISTICS["global_magnitude"].after(LENET, 5) == pytest.approx(0.8**5)
    kept = HEURISTICS["output_kept_magnitude"].after(SHAPES["lth_resnet18"], 10)
    assert kept == pytest.approx((0.8**10 * (270_896 - 640) + 640) / 270_896)


@pytest.mark.parametrize("name", [name for name, row in HEURISTICS.items() if isinstance(row, Shuffled)])
def test_shuffled_masks_keep_as_many_of_each_layer_anywhere(name):
    row, generator = HEURISTICS[name], np.random.default_rng(2)
    kernels = {"conv": generator.normal(size=(3, 3, 3, 8)), "logits": generator.normal(size=(40, 10))}
    before = {kernel: np.ones(array.shape, np.uint8) for kernel, array in kernels.items()}
    asked = {"kernels": kernels, "masks": before, "density": 0.7}
    theirs = row.of.choose(**asked, seed=1)
    seen = {kernel: np.zeros(array.shape) for kernel, array in kernels.items()}
    for seed in range(200):
        ours = row.choose(**asked, seed=seed)
        for kernel, mask in ours.items():
            assert mask.sum() == theirs[kernel].sum()
            seen[kernel] += mask
    for kernel, times in seen.items():
        share = theirs[kernel].mean()
        # 200 draws: the largest of 616 places lies within 5 standard deviations.
        assert np.abs(times / 200 - share).max() <= 5 * math.sqrt(share * (1 - share) / 200)
    assert row.kept({kernel: array.shape for kernel, array in kernels.items()}, 0.7) == sum(
        int(mask.sum()) for mask in ours.values()
    )


def test_a_control_has_the_counts_of_what_it_controls_and_random_ones_are_of_rates_by_layer_only():
    for kind in ("random", "shuffled"):
        for name, row in HEURISTICS.items():
            if (control := control_of(name, kind)) is not None:
                other = HEURISTICS[control]
                assert other.kept(LENET, 0.3) == row.kept(LENET, 0.3)
                if kind == "random":
                    assert isinstance(other, ByWeight)
                    assert other.criterion == "random"
                    assert other._counts(LENET, 0.3) == row._counts(LENET, 0.3)
    assert control_of("global_magnitude", "random") is None
    assert control_of("taylor", "shuffled") is None
    assert control_of("layer_magnitude", "random") == "layer_random"


@pytest.mark.parametrize("name", ["half_output_random", "conv_10_random", "conv_15_random"])
def test_random_masks_of_one_trial_lie_within_those_of_the_levels_above(name):
    kernels = {"hidden": np.ones((40, 30), np.float32), "logits": np.ones((30, 10), np.float32)}
    before = {kernel: np.ones(array.shape, np.uint8) for kernel, array in kernels.items()}
    above = before
    for density in (0.8, 0.5, 0.1):
        masks = HEURISTICS[name].choose(kernels=kernels, masks=before, density=density, seed=7)
        assert all((masks[kernel] <= above[kernel]).all() for kernel in masks)
        above = masks
