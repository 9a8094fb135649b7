from pathlib import Path

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
