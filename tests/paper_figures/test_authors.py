import numpy as np
import pandas as pd
import pytest

from paper_figures import authors
from tf_lottery.rewinding.techniques import TECHNIQUES


def pruned(**changes):
    return pd.DataFrame(
        {
            "network": ["resnet20"] * 3 + ["resnet50"], "prune_method": ["Unstructured"] * 3 + ["Structured-A"],
            "is_iterative": [True, True, False, False],
            "retrain_method": ["lottery", "lottery", "lr_finetune", "lr_lottery"],
            "density": [0.8, 0.6400000000000001, 0.512, 0.9], "retrain_time": [10.0, 10.0, 182.0, 9.0],
            "trial": ["trial_2"] * 4, "test_acc": [0.9, 0.91, 0.92, 0.7], "val_acc": [0.8, 0.81, 0.82, 0.6],
            "flops": [1.0, 2.0, np.nan, np.nan],
        }
        | changes
    )  # fmt: skip


def test_pruned_rows_get_our_words_and_their_search_cost():
    ours = authors.pruned_rows(pruned())
    assert ours.technique.tolist() == ["weight_rewind", "weight_rewind", "lr_rewind", "low_lr_weight_rewind"]
    assert ours.search_cost.tolist() == [10, 20, 182, 9]
    assert ours.dataset.tolist() == ["cifar10"] * 3 + ["imagenet"]
    assert ours.trial.tolist() == [2] * 4
    assert ours.heuristic.tolist() == ["global_magnitude"] * 3 + ["structured_a"]
    assert ours.schedule.tolist() == ["iterative", "iterative", "one_shot", "one_shot"]
    assert set(authors.TECHNIQUES.values()) == TECHNIQUES.keys() - {"tenth_rate_fine_tune"}  # of Han et al. 2015


def test_the_cost_of_a_level_does_not_depend_on_the_rows_before_it():
    last = pruned().iloc[[1]]
    assert authors.pruned_rows(last).search_cost.tolist() == [20]
    last = last.assign(density=0.107374)
    assert authors.pruned_rows(last).search_cost.tolist() == [100]


def test_unknown_words_are_refused_with_their_row():
    with pytest.raises(ValueError, match=r"row 2: unknown technique 'lotery'. Did you mean 'lottery'"):
        authors.pruned_rows(pruned(retrain_method=["lottery", "lotery", "lottery", "lottery"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": ["0.8", "0.8x", "0.5", "0.9"]}, r"row 2: density is '0.8x'. Expected a number"),
        ({"trial": ["trial_1", "trial_1", "one", "trial_1"]}, r"row 3: trial is 'one'. Expected a number"),
        ({"is_iterative": ["yes", True, True, True]}, r"row 1: unknown is_iterative 'yes'"),
    ],
)
def test_values_that_cannot_be_are_refused_with_their_row(changes, message):
    with pytest.raises(ValueError, match=message):
        authors.pruned_rows(pruned(**changes))


def test_truth_is_read_in_every_form():
    for yes, no in ((True, False), ("True", "False"), (1, 0), (1.0, 0.0)):
        ours = authors.pruned_rows(pruned(is_iterative=[yes, no, yes, no]))
        assert ours.schedule.tolist() == ["iterative", "one_shot"] * 2


def test_dense_rows_that_are_all_there_twice_count_once_and_coincidences_count():
    rows = pd.DataFrame(
        {
            # resnet20: two trainings that coincide and one other, all twice; gnmt: three trainings, two that coincide.
            "network": ["resnet20"] * 6 + ["gnmt"] * 3,
            "test_acc": [0.9, 0.9, 0.91, 0.9, 0.9, 0.91, 26.0, 26.0, 27.0],
            "val_acc": [0.8] * 6 + [24.0, 24.0, 25.0],
            "flops": [5] * 6 + [None] * 3,
        }
    )
    ours = authors.dense_rows(rows)
    assert ours[ours.network == "resnet20"].test_accuracy.tolist() == [0.9, 0.91, 0.9]
    assert ours[ours.network == "gnmt"].test_accuracy.tolist() == [26.0, 26.0, 27.0]
    assert ours.trial.tolist() == [1, 2, 3, 1, 2, 3]
