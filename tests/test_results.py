from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tf_lottery import results

ROOT = Path(__file__).resolve().parents[1]


def row(technique="lr_rewind", density=0.5, trial=1, accuracy=0.9, epochs=30.0, validation=None, **changes):
    pruned = technique != "dense"
    return {
        "status": "done", "network": "n", "dataset": "d", "heuristic": "global_magnitude" if pruned else "",
        "schedule": "one_shot" if pruned else "", "technique": technique, "density": density if pruned else 1.0,
        "retrain_epochs": epochs if pruned else 0.0, "trial": trial, "test_accuracy": accuracy,
        "validation_accuracy": accuracy if validation is None else validation, "flops": 10, "search_cost": epochs,
        "training": "abcdef01", "seed": 0, "stage": f"{technique}{density}{trial}{epochs}",
    } | changes  # fmt: skip


ROWS = [
    *(row("dense", trial=trial, accuracy=accuracy) for trial, accuracy in ((1, 0.90), (2, 0.92), (3, 0.97))),
    *(row(density=0.1, trial=trial, accuracy=accuracy) for trial, accuracy in ((1, 0.5), (2, 0.7), (3, 0.6))),
    *(row(density=0.5, trial=trial, accuracy=accuracy) for trial, accuracy in ((1, 0.93), (2, 0.95), (3, 0.94))),
]


def test_the_table_has_the_schema_whatever_the_order_of_stages_and_leaves_out_what_failed():
    table = results.table(ROWS)
    assert tuple(table.columns) == results.COLUMNS
    assert results.to_csv(results.table([*reversed(ROWS), {"status": "failed"}])) == results.to_csv(table)


def test_a_table_that_is_written_is_read(tmp_path):
    table = results.table(ROWS)
    (tmp_path / "results.csv").write_text(results.to_csv(table))
    again = results.read(tmp_path / "results.csv")
    assert results.to_csv(again) == results.to_csv(table)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="lacks the columns network"):
        results.read(tmp_path / "other.csv")


def test_the_change_is_against_the_mean_of_all_dense_networks_of_the_same_training():
    other = row("dense", accuracy=0.1, training="00000000")
    changed = results.with_change(results.table([*ROWS, other])).query("technique == 'lr_rewind' and density == 0.5")
    assert changed.change.tolist() == pytest.approx([x - (0.90 + 0.92 + 0.97) / 3 for x in (0.93, 0.95, 0.94)])


def test_retrain_epochs_are_chosen_on_validation_and_ties_go_to_the_shortest():
    rows = [
        row(epochs=t, accuracy=test, validation=v) for t, test, v in ((30, 0.9, 0.8), (20, 0.1, 0.8), (10, 0.95, 0.7))
    ]
    assert results.best_retraining(results.table(rows)).retrain_epochs.tolist() == [20]


def test_the_summary_has_medians_ranges_compression_and_cost():
    shown = results.summary(results.table(ROWS))
    assert shown.technique.tolist() == ["dense", "lr_rewind", "lr_rewind"]
    last = shown.iloc[-1]
    assert (last.density, last.compression, last["test accuracy [%]"]) == ("0.1000", "10.00x", "60.00")
    assert (last["lowest to highest"], last["change [pp]"], last["search cost"]) == (
        "50.00 to 70.00",
        "-33.00",
        "30",
    )


def test_the_authors_tables_become_ours(tmp_path):
    pd.DataFrame(
        {
            "network": ["resnet20"] * 3 + ["resnet50"], "prune_method": ["Unstructured"] * 3 + ["Structured-A"],
            "is_iterative": [True, True, False, False],
            "retrain_method": ["lottery", "lottery", "lr_finetune", "lr_lottery"],
            "density": [0.8, 0.6400000000000001, 0.512, 0.9], "retrain_time": [10.0, 10.0, 182.0, 9.0],
            "trial": ["trial_2"] * 4, "test_acc": [0.9, 0.91, 0.92, 0.7], "val_acc": [0.8, 0.81, 0.82, 0.6],
            "flops": [1.0, 2.0, np.nan, np.nan],
        }
    ).to_csv(tmp_path / "pruned.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {
            "network": ["resnet20"] * 4,
            "test_acc": [0.9, 0.9, 0.91, 0.91],
            "val_acc": [0.8] * 4,
            "flops": [5] * 4,
        }
    ).to_csv(tmp_path / "dense.csv", index=False)
    ours = results.published(tmp_path / "pruned.csv", tmp_path / "dense.csv")
    assert tuple(ours.columns) == results.COLUMNS
    assert ours.technique.tolist() == [
        "dense",
        "dense",
        "weight_rewind",
        "weight_rewind",
        "lr_rewind",
        "low_lr_weight_rewind",
    ]
    assert ours.search_cost.tolist() == [0, 0, 10, 20, 182, 9]
    assert ours.dataset.tolist() == ["cifar10"] * 5 + ["imagenet"]
    assert ours.trial.tolist() == [1, 2, 2, 2, 2, 2]
    assert ours.heuristic.tolist()[-1] == "structured_a"
