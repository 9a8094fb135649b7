from pathlib import Path

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


def test_columns_that_came_later_are_there_where_a_result_has_them_and_are_numbers_when_read(tmp_path):
    table = results.table([ROWS[0], row(start_test_accuracy=0.25, dead_units=3), row(density=0.1)])
    assert tuple(table.columns) == (*results.COLUMNS, "start_test_accuracy", "dead_units")
    (tmp_path / "results.csv").write_text(results.to_csv(table))
    again = results.read(tmp_path / "results.csv")
    assert again.start_test_accuracy.dropna().tolist() == [0.25]
    assert again.dead_units.dropna().tolist() == [3]


def test_digests_never_read_as_numbers_and_older_tables_and_results_get_their_letters(tmp_path):
    digests = {"training": "1204e698", "environment": "83848104"}
    older = [row("dense", **digests, environment_record={"data": "00000012"}), row(**digests)]
    table = results.table(older)
    assert set(table.training) == {"t1204e698"}
    assert set(table.environment) == {"e83848104"}
    assert table.data.tolist() == ["d00000012", ""]
    newer = [{**each, "training": "t1204e698", "environment": "e83848104"} for each in older]
    assert results.to_csv(results.table(newer)) == results.to_csv(table)
    path = tmp_path / "results.csv"
    path.write_text(results.to_csv(table))
    naively = pd.read_csv(path)
    assert [naively[column].dtype.kind in "OUST" for column in ("training", "environment", "data")] == [True] * 3
    old = pd.DataFrame(older).reindex(columns=[column for column in results.COLUMNS if column != "data"])
    old.to_csv(path, index=False)
    read = results.read(path)
    assert read.training.tolist() == ["t1204e698"] * 2
    assert read.environment.tolist() == ["e83848104"] * 2
    assert read.data.tolist() == ["", ""]
    assert tuple(read.columns) == results.COLUMNS
    own = results.lettered(pd.DataFrame({"training": ["mine", "t1204e698", "", "1204e6987", "12345678"]}))
    assert own.training.tolist() == ["mine", "t1204e698", "", "1204e6987", "t12345678"]


def test_the_tables_of_the_documents_are_read():
    for path in (ROOT / "docs/results").glob("*.csv"):
        table = results.read(path)
        assert table.training.str.fullmatch("t[0-9a-f]{8}").all()
        assert table.environment.str.fullmatch("e[0-9a-f]{8}").all()


def test_the_change_is_against_the_mean_of_all_dense_networks_of_the_same_training():
    other = row("dense", accuracy=0.1, training="00000000")
    changed = results.with_change(results.table([*ROWS, other])).query("technique == 'lr_rewind' and density == 0.5")
    assert changed.change.tolist() == pytest.approx([x - (0.90 + 0.92 + 0.97) / 3 for x in (0.93, 0.95, 0.94)])


def test_the_summary_has_medians_ranges_compression_and_cost():
    skewed = [row(density=0.1, trial=trial, accuracy=accuracy) for trial, accuracy in ((1, 0.5), (2, 0.62), (3, 0.7))]
    shown = results.summary(results.table(ROWS[:3] + skewed + ROWS[6:]))
    assert shown.technique.tolist() == ["dense", "lr_rewind", "lr_rewind"]
    dense, _, last = (shown.iloc[place] for place in range(3))
    # The median where it is no mean, against the mean of dense networks where that is no median.
    assert (last.density, last.compression, last["test accuracy [%]"]) == ("0.1000", "10.00x", "62.00")
    assert (last["lowest to highest"], last["change [pp]"]) == ("50.00 to 70.00", "-31.00")
    assert (last.trials, last["retrain epochs"], last["search cost"]) == ("3", "30", "30")
    assert (dense["test accuracy [%]"], dense["lowest to highest"], dense["change [pp]"]) == (
        "92.00",
        "90.00 to 97.00",
        "",
    )
