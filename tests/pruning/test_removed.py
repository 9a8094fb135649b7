"""How much a pruning removes, computed by hand."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.removed import removed


def test_the_share_is_of_what_was_left_and_the_norm_of_all_that_is_trained():
    kernels = {"a": np.array([[3.0, 0.0], [1.0, 2.0]], np.float32), "b": np.array([4.0, 1.0], np.float32)}
    before = {"a": np.array([[1, 0], [1, 1]], np.uint8), "b": np.array([1, 1], np.uint8)}
    after = {"a": np.array([[1, 0], [0, 1]], np.uint8), "b": np.array([1, 0], np.uint8)}
    # Of 5 weights that were left, 2 went: 1 and 1. The squares of all are 9 + 1 + 4 + 16 + 1, and 5 of the bias.
    gone = removed(kernels=kernels, others=[np.array([1.0, 2.0], np.float32)], before=before, after=after)
    assert (gone.share, gone.norm) == (2 / 5, pytest.approx((2 / 36) ** 0.5, rel=1e-12))


def test_nothing_removed_of_nothing_is_nothing():
    kernels, masks = {"a": np.zeros(2, np.float32)}, {"a": np.zeros(2, np.uint8)}
    gone = removed(kernels=kernels, others=[], before=masks, after=masks)
    assert (gone.share, gone.norm) == (0.0, 0.0)


def test_the_report_of_a_pruning_tells_both_with_biases_and_batch_norm_but_no_statistics_in_the_norm():
    layers = keras.layers
    model = tl.prunable(keras.Sequential([layers.Dense(4, input_shape=(3,)), layers.BatchNormalization()]))
    kernel, bias, gamma, beta = model.trainable_variables
    kernel.assign(np.arange(1.0, 13).reshape(3, 4))
    bias.assign([1.0, 0, 2, 0])
    gamma.assign([1.0, 3, 0, 0])
    beta.assign([0.0, 0, 0, 7])
    # Squares: 650 of the kernel, 5 + 10 + 49 of the others; the running variance, 4 ones, is not trained.
    first, second = tl.prune(model, 0.5), tl.prune(model, 0.25)
    assert (first.kept, second.kept) == (6, 3)
    assert (first.pruned_share, second.pruned_share) == (0.5, 0.5)
    assert first.removed_norm == pytest.approx((91 / 714) ** 0.5, rel=1e-12)  # 1 + 4 + ... + 36
    assert second.removed_norm == pytest.approx((194 / 623) ** 0.5, rel=1e-12)  # 49 + 64 + 81
