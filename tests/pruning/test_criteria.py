import numpy as np
import pytest

from tf_lottery.pruning.criteria import CRITERIA
from tf_lottery.pruning.heuristics import HEURISTICS

GENERATOR = np.random.Generator(np.random.Philox(key=0))


def test_han_divides_by_the_standard_deviation_of_the_weights_that_are_kept():
    kernel = np.array([[1.0, -3.0], [100.0, 5.0]], np.float32)
    mask = np.array([[1, 1], [0, 1]], np.uint8)
    # 1, -3 and 5: mean 1, variance (0 + 16 + 16) / 3.
    deviation = (32 / 3) ** 0.5
    scores = CRITERIA["magnitude_over_std"](kernel, mask, GENERATOR)
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
    assert np.isinf(CRITERIA["magnitude_over_std"](np.full(3, 0.5, np.float32), mask, GENERATOR)).all()
    assert np.isnan(CRITERIA["magnitude_over_std"](np.array([1, np.nan, 2], np.float32), mask, GENERATOR)).any()
    with pytest.raises(ValueError, match="NaN"):
        HEURISTICS["global_quality"].choose(
            kernels={"kernel": np.array([1, np.nan, 2], np.float32)}, masks={"kernel": mask}, density=0.5, seed=0
        )
