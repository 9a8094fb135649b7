import pandas as pd
import pytest

from paper_figures import tables
from paper_figures.blocks import blocks, left_out
from tf_lottery import results


@pytest.fixture
def authors_files(tmp_path, plain):
    """The authors' form of a part of the data: one network, with every dense row twice."""
    words = {"fine_tune": "finetune", "lr_rewind": "lr_finetune", "weight_rewind": "lottery"}
    rows = [row for row in plain if row["network"] == "resnet20" and row["technique"] in words]
    folder = tmp_path / "release"
    folder.mkdir()
    pd.DataFrame(
        {
            "network": [row["network"] for row in rows], "prune_method": "Unstructured",
            "is_iterative": [row["schedule"] == "iterative" for row in rows],
            "retrain_method": [words[row["technique"]] for row in rows],
            "density": [float(row["density"]) for row in rows],
            "retrain_time": [float(row["retrain_epochs"]) for row in rows],
            "trial": [f"trial_{row['trial']}" for row in rows],
            "test_acc": [float(row["test_accuracy"]) for row in rows],
            "val_acc": [float(row["validation_accuracy"]) for row in rows],
            "flops": [float(row["flops"] or "nan") for row in rows],
        }
    ).to_pickle(folder / "pruned_dataframe.pkl")  # fmt: skip
    dense = [row for row in plain if row["network"] == "resnet20" and row["technique"] == "dense"]
    pd.DataFrame(
        {
            "network": "resnet20", "test_acc": [float(row["test_accuracy"]) for row in dense] * 2,
            "val_acc": [float(row["validation_accuracy"]) for row in dense] * 2, "flops": [41886986] * 2 * len(dense),
        }
    ).to_pickle(folder / "bases_dataframe.pkl")  # fmt: skip
    return folder


KEY = ["schedule", "technique", "density", "retrain_epochs", "trial"]


def test_a_folder_of_the_authors_pickles_is_the_table_that_ships(authors_files, published):
    read, notes = tables.published(authors_files)
    shipped = published[(published.network == "resnet20") & published.technique.isin(set(read.technique))]
    assert notes == []
    dense, dense_shipped = (table[table.technique == "dense"].test_accuracy for table in (read, shipped))
    assert sorted(dense) == sorted(dense_shipped)
    joined = read[read.technique != "dense"].merge(shipped, on=KEY, suffixes=("", "_shipped"))
    assert len(joined) + 123 == len(read) == len(shipped)
    for column in ("test_accuracy", "validation_accuracy", "search_cost", "dataset", "heuristic"):
        assert (joined[column] == joined[f"{column}_shipped"]).all()


def test_pruned_results_alone_get_their_dense_networks_from_the_table_that_ships(authors_files):
    read, notes = tables.published(authors_files / "pruned_dataframe.pkl")
    assert (read.technique == "dense").sum() == 123
    assert "resnet20: taken from the published table" in notes[0]


def test_csv_and_parquet_with_our_columns_are_read_too(published, tmp_path):
    part = published[published.network == "resnet50"].drop(columns="source")
    part.to_csv(tmp_path / "one.csv", index=False)
    part.to_parquet(tmp_path / "two.parquet")
    for name in ("one.csv", "two.parquet"):
        read, _ = tables.published(tmp_path / name)
        assert len(read) == len(part)
        assert read.test_accuracy.tolist() == part.test_accuracy.tolist()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("technique", "lr_rewnd", r"bad.csv, row 2: technique is 'lr_rewnd'. .*Did you mean 'lr_rewind'"),
        ("density", 0.0, r"row 2: density is .*0.0.*above 0 to 1"),
        ("density", 1.5, r"row 2: density is .*1.5.*above 0 to 1"),
        ("test_accuracy", 91.7, r"row 2: test_accuracy is .*91.7.*from 0 to 1"),
        ("validation_accuracy", "", r"row 2: validation_accuracy is .*nan"),
        ("test_accuracy", "high", r"row 2: test_accuracy is 'high'. Expected a number"),
        ("schedule", "iterativ", r"row 2: schedule is 'iterativ'"),
        ("retrain_epochs", -1, r"row 2: retrain_epochs"),
        ("trial", -1, r"row 2: trial is .*-1.*whole number, 0 or more"),
        ("trial", 1.5, r"row 2: trial is .*1.5.*whole number"),
        ("epochs", "10 epochs", r"bad.csv, row 2: epochs is '10 epochs'. Expected a number"),
        ("dataset", "", r"row 2: dataset is ''. Expected a name"),
        ("network", "timm/net", r"row 2: network is 'timm/net'. Expected a name of letters"),
    ],
)
def test_a_row_that_cannot_be_is_named_with_its_file(row, tmp_path, column, value, message):
    table = results.table([row("dense"), row(), row(trial=2)]).astype(object)
    table.loc[1, column] = value
    table.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ValueError, match=message):
        tables.own([str(tmp_path / "bad.csv")])


def test_what_stands_at_the_ends_of_its_range_is_taken(row, tmp_path):
    ends = [row("dense", trial=0, accuracy=0.0), row(trial=0, density=1.0, accuracy=1.0, retrain_epochs=0.0)]
    results.table(ends).to_csv(tmp_path / "ends.csv", index=False)
    read, notes = tables.own([str(tmp_path / "ends.csv")])
    assert read[["trial", "test_accuracy"]].to_numpy().tolist() == [[0, 0.0], [0, 1.0]]
    assert notes == []


def test_translation_is_scored_from_0_to_100(row, tmp_path):
    table = results.table([row("dense", accuracy=26.8), row(accuracy=25.0)]).assign(network="gnmt", dataset="wmt16")
    table.to_csv(tmp_path / "gnmt.csv", index=False)
    assert tables.own([str(tmp_path / "gnmt.csv")])[0].test_accuracy.tolist() == [26.8, 25.0]


def test_any_number_of_own_files_by_pattern_and_no_row_twice(small, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    small = small[small.technique != "novel"]
    small.to_csv(tmp_path / "a/results.csv", index=False)
    small.to_csv(tmp_path / "b/results.csv", index=False)
    read, notes = tables.own([f"{tmp_path}/*/results.csv"])
    assert len(read) == len(small)
    assert f"{len(small)} rows are in files before it" in notes[0]
    with pytest.raises(ValueError, match="no such file"):
        tables.own([f"{tmp_path}/none/*.csv"])


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("runs[1]/results.csv", 1),
        ("runs[1]", 1),
        ("a,b/results.csv", 1),
        ("one.csv,runs[1]/results.csv", 2),
        ("one.csv,two.csv,", 2),
        ("*.csv,a,b/results.csv", None),  # a comma in a name cannot be told from one between names
        ("*.csv", 2),
        (f"one.csv,{'x/' * 3000}results.csv", None),  # longer than a path may be
    ],
)
def test_a_name_is_taken_as_it_is_then_as_a_pattern_then_as_a_list(row, tmp_path, monkeypatch, pattern, count):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("runs[1]/results.csv", "a,b/results.csv", "one.csv", "two.csv")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(results.to_csv(results.table([row("dense", seed=seed)])))
    if count is None:
        with pytest.raises(ValueError, match="no such file"):
            tables.own([pattern])
    else:
        assert len(tables.own([pattern])[0]) == count


def test_rows_that_contradict_each_other_are_told_or_refused(row, tmp_path):
    for name, accuracy, columns in (("a", 0.8, []), ("b", 0.8, ["seed"]), ("c", 0.5, [])):
        table = results.table([row("dense"), row(accuracy=accuracy)]).assign(seed=0 if name == "a" else 0.0)
        table.drop(columns=columns).to_csv(tmp_path / f"{name}.csv", index=False)
    read, notes = tables.own([str(tmp_path / "a.csv"), str(tmp_path / "c.csv")])
    assert read.test_accuracy.tolist() == [0.9, 0.8]
    assert notes == [f"{tmp_path}/c.csv: 2 rows are in files before it, and are left out; 1 of them have other "
                     "accuracies here, and the first file's stand"]  # fmt: skip
    assert len(tables.own([str(tmp_path / f"{name}.csv") for name in "abc"])[0]) == 4  # without a seed it is another
    both = pd.concat([pd.read_csv(tmp_path / f"{name}.csv") for name in "ac"])
    both.to_csv(tmp_path / "both.csv", index=False)
    with pytest.raises(ValueError, match=r"both.csv: two rows for net, lr_rewind, density 0.5"):
        tables.own([str(tmp_path / "both.csv")])


def test_networks_that_are_compared_were_trained_on_the_same_data(row, tmp_path):
    older = results.table([row("dense"), row()]).drop(columns="data").assign(training="1204e698")
    tables_of = {"old": older}
    for name, digest in (("one", "0a1b2c3d"), ("same", "0a1b2c3d"), ("other", "1204e698")):
        record = {"environment_record": {"data": digest}, "training": "t1204e698"}
        tables_of[name] = results.table([row("dense", trial=2, **record), row(trial=2 + len(tables_of), **record)])
    tables_of["another training"] = tables_of["other"].assign(training="tother")
    for name, table in tables_of.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)

    def read(*names):
        return tables.own([str(tmp_path / f"{name}.csv") for name in names])[0]

    assert set(read("old", "one", "same").training) == {"t1204e698"}
    assert len(read("one", "another training")) == 4
    with pytest.raises(ValueError, match=r"one.csv, .*other.csv: net on data was trained on different data, or on the "
                       r"same in different orders \(column data: d0a1b2c3d, d1204e698\). Expected one"):  # fmt: skip
        read("one", "other")


def test_an_own_table_must_say_of_which_dataset_and_a_length_that_is_guessed_is_told(row, tmp_path):
    table = results.table([row("dense"), row()])
    table.drop(columns="dataset").to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(ValueError, match="lacks the columns dataset"):
        tables.own([str(tmp_path / "results.csv")])
    table.drop(columns="epochs").to_csv(tmp_path / "results.csv", index=False)
    assert "how many epochs net trained" in tables.own([str(tmp_path / "results.csv")])[1][0]


def test_what_has_no_dense_network_is_told(row):
    table = results.table([row("dense"), row(), row(seed=1), row("fine_tune", seed=1)]).assign(source="own")
    assert [block.seed for block in blocks(table)] == [0]
    (told,) = left_out(table)
    assert told.startswith("2 networks of net on data (training 0, seed 1) are left out")


def test_densities_that_are_nearly_one_stay_two_where_a_network_has_both(row):
    rows = [row("dense"), row(density=0.512, accuracy=0.8), row(density=0.5121, accuracy=0.7)]
    (block,) = blocks(results.table(rows).assign(source="own"))
    assert block.densities == (0.5121, 0.512)
    assert block.test.ravel().tolist() == [0.7, 0.8]
    rows[2] = row(density=0.5121, accuracy=0.7, trial=2)
    (block,) = blocks(results.table(rows).assign(source="own"))
    assert block.test.ravel().tolist() == [0.8, 0.7]


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other.csv lacks the columns network"):
        tables.own([str(tmp_path / "other.csv")])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty.csv is no table"):
        tables.own([str(tmp_path / "empty.csv")])
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="holds no table"):
        tables.published(tmp_path / "folder")


def test_results_belong_to_the_store_they_lie_in_and_else_to_none(small, tmp_path):
    for folder in ("run", "alone"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "results.csv").write_text(results.to_csv(small[small.technique != "novel"]))
    (tmp_path / "run/stages").mkdir()
    for folder, store in (("run", str(tmp_path / "run")), ("alone", "")):
        table, _ = tables.own([str(tmp_path / folder / "results.csv")])
        assert set(table.store) == {store}
