import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.criteria import CRITERIA, magnitude_over_std
from tf_lottery.pruning.criterion import Examples, Seen
from tf_lottery.pruning.heuristics import HEURISTICS

KERNEL = np.array([[1.0, -2.0], [0.0, 3.0]], np.float32)
COLLECTED = np.array([[-1.0, 0.5], [9.0, 2.0]], np.float32)

# Worked out by hand from the formula in each row's meaning.
BY_HAND = {
    "magnitude": [[1, 2], [0, 3]],
    "magnitude_over_std": [[1 / 3.25**0.5, 2 / 3.25**0.5], [0, 3 / 3.25**0.5]],  # 1, -2, 0, 3: mean 0.5, variance 3.25
    "lamp": [[1 / 14, 4 / 13], [0, 1]],
    "saliency": [[1, 1], [0, 6]],
    "taylor": [[-1, 2], [0, 18]],  # (w^2 times what was collected: squares there)
    "fisher": [[-0.5, 1], [0, 9]],
    "obd": [[-0.5, 1], [0, 9]],
    "grasp": [[-1, -1], [0, 6]],
    "taylor_second_order": [[-1, 0.5], [9, 2]],
    "synflow": [[1, 1], [0, 6]],
}


def seen(kernel, collected=None):
    quantity = None if collected is None else np.asarray(collected)
    mask = np.ones(np.shape(kernel), np.uint8)
    return Seen(kernel=np.asarray(kernel), mask=mask, generator=np.random.default_rng(0), quantity=quantity)


@pytest.mark.parametrize("name", CRITERIA)
def test_scores_are_those_of_the_formula(name):
    scores = CRITERIA[name].score(seen(KERNEL, COLLECTED))
    if name == "random":
        assert ((scores >= 0) & (scores < 1)).all()
    else:
        np.testing.assert_allclose(scores, BY_HAND[name], rtol=1e-6)


@pytest.mark.parametrize("name", CRITERIA)
def test_scores_are_an_array_of_their_own(name):
    """Scores of what is pruned already are overwritten."""
    kernel, collected = KERNEL.copy(), COLLECTED.copy()
    CRITERIA[name].score(seen(kernel, collected))[:] = -np.inf
    assert np.array_equal(kernel, KERNEL)
    assert np.array_equal(collected, COLLECTED)


def test_of_equal_weights_the_first_has_the_higher_lamp_score():
    np.testing.assert_allclose(CRITERIA["lamp"].score(seen([2.0, -2.0, 1.0, 0.0])), [1, 0.5, 1 / 9, 0])


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(-10, 10, width=32)))
def test_lamp_by_its_definition(kernel):
    squares = np.square(kernel.astype(np.float64)).ravel()
    for place, score in enumerate(CRITERIA["lamp"].score(seen(kernel)).ravel()):
        before = squares[:place][squares[:place] >= squares[place]].sum()
        behind = squares[place + 1 :][squares[place + 1 :] > squares[place]].sum()
        whole = before + squares[place] + behind
        assert score == pytest.approx(squares[place] / whole if whole > 1e-300 else 0.0, rel=1e-9, abs=1e-300)


@given(hnp.arrays(np.float32, (4, 6), elements=st.floats(0.5, 10, width=32)), st.integers(2, 20))
def test_lamp_never_empties_a_kernel_while_there_is_one_weight_for_each(large, keep):
    """The largest of each kernel has the highest score there is, however small a kernel's weights are."""
    kernels = {"large": large, "small": large[:2] * 1e-3}
    total = sum(kernel.size for kernel in kernels.values())
    ones = {name: np.ones(kernel.shape, np.uint8) for name, kernel in kernels.items()}
    new = HEURISTICS["lamp"].choose(kernels=kernels, masks=ones, density=keep / total, seed=0)
    assert all(mask.any() for mask in new.values())


def test_normalised_scores_are_over_the_norm_of_their_kernel_that_is_left():
    kernels = {"a": np.array([3.0, 4.0, 100.0]), "b": np.array([0.5, 0.9])}
    masks = {"a": np.array([1, 1, 0], np.uint8), "b": np.ones(2, np.uint8)}
    # 3/5, 4/5 and 0.486, 0.874: of the four, the highest three are 0.9, 4 and 3.
    new = HEURISTICS["normalised_magnitude"].choose(kernels=kernels, masks=masks, density=0.6, seed=0)
    assert {name: mask.tolist() for name, mask in new.items()} == {"a": [1, 1, 0], "b": [0, 1]}


def test_rounds_go_down_in_a_geometric_sequence_each_with_scores_under_the_masks_of_the_last():
    row = ByWeight(criterion="synflow", scope="global", rounds=4, does="")
    kernels = {"kernel": np.arange(1.0, 257.0)}
    kept = []

    def collect(quantity, examples, masks):
        assert (quantity, examples) == ("synaptic_flow", None)
        kept.append(int(masks["kernel"].sum()))
        return {"kernel": np.ones(256)}

    new = row.choose(kernels=kernels, masks={"kernel": np.ones(256, np.uint8)}, density=1 / 16, seed=0, collect=collect)
    assert kept == [256, 128, 64, 32]
    assert new["kernel"].sum() == 16
    assert new["kernel"][-16:].all()


def test_a_criterion_that_looks_at_the_network_needs_one():
    with pytest.raises(ValueError, match="saliency looks at the network"):
        HEURISTICS["saliency"].choose(kernels={"k": KERNEL}, masks={"k": np.ones((2, 2))}, density=0.5, seed=0)
    with pytest.raises(ValueError, match="nothing was collected"):
        CRITERIA["saliency"].score(seen(KERNEL))


@pytest.mark.parametrize("name", [name for name, row in HEURISTICS.items() if getattr(row, "examples", None)])
def test_what_fixes_a_score_is_told(name):
    row = HEURISTICS[name]
    assert f"{row.examples.count:,} examples" in row.meaning
    assert re.search(r"in batches of \d+|one by one|in one batch", row.meaning)
    assert "inference mode" in row.meaning


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        (Examples(count=1000, batch=1), "1,000 examples one by one, inference mode"),
        (Examples(count=100, batch=100, mode="training"), "100 examples in one batch, training mode"),
        (Examples(count=1000, batch=250), "1,000 examples in batches of 250, inference mode"),
    ],
)
def test_examples_are_told_in_a_line(examples, told):
    assert str(examples) == told


@pytest.mark.parametrize("name", [name for name, row in HEURISTICS.items() if isinstance(row, ByWeight)])
def test_a_heuristic_names_examples_if_its_criterion_looks_at_some(name):
    row = HEURISTICS[name]
    needs = CRITERIA[row.criterion].quantity not in (None, "synaptic_flow")
    assert (row.examples is not None) == needs


def test_han_divides_by_the_standard_deviation_of_the_weights_that_are_kept():
    kernel = np.array([[1.0, -3.0], [100.0, 5.0]], np.float32)
    mask = np.array([[1, 1], [0, 1]], np.uint8)
    # 1, -3 and 5: mean 1, variance (0 + 16 + 16) / 3.
    deviation = (32 / 3) ** 0.5
    scores = magnitude_over_std(kernel, mask)
    assert scores[mask == 1] == pytest.approx([1 / deviation, 3 / deviation, 5 / deviation])


def test_han_ranks_two_layers_by_the_quality_at_which_each_weight_goes():
    """Weights of both layers whose size is below one multiple of their own deviation go, whatever their scale."""
    generator = np.random.default_rng(2)
    kernels = {
        "small": generator.normal(0, 0.01, (40, 50)).astype(np.float32),
        "large": generator.standard_t(3, (30, 20)).astype(np.float32),
    }
    masks = {name: np.ones(kernel.shape, np.uint8) for name, kernel in kernels.items()}
    for density in (0.5, 0.1):
        row = HEURISTICS["global_quality"]
        new = row.choose(kernels=kernels, masks=masks, density=density, seed=0)
        sizes = {name: np.abs(kernel) / kernel.std(dtype=np.float64) for name, kernel in kernels.items()}
        lowest_kept = min(sizes[name][new[name] == 1].min() for name in kernels)
        highest_gone = max(sizes[name][new[name] == 0].max() for name in kernels)
        assert highest_gone <= lowest_kept
        masks_again = {name: sizes[name] >= lowest_kept for name in kernels}  # quality x std, by layer
        assert all((masks_again[name] == new[name]).all() for name in kernels)


def test_han_prunes_nothing_of_a_layer_of_equal_weights_and_tells_nan():
    mask = np.ones(3, np.uint8)
    assert np.isinf(magnitude_over_std(np.full(3, 0.5, np.float32), mask)).all()
    assert np.isnan(magnitude_over_std(np.array([1, np.nan, 2], np.float32), mask)).any()
    with pytest.raises(ValueError, match="NaN"):
        HEURISTICS["global_quality"].choose(
            kernels={"kernel": np.array([1, np.nan, 2], np.float32)}, masks={"kernel": mask}, density=0.5, seed=0
        )
