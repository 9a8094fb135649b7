"""Results tables from files: the authors' release, ours, a user's, as one table with its source in a column."""

from __future__ import annotations

import glob
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from tf_lottery.home import expanded
from tf_lottery.results import COLUMNS, TEXT, lettered

from . import authors, reference
from .check import NUMBERS, TIDY, check, numbers
from .frame_pickle import read_pickle

_ENDINGS = (".pkl", ".pickle", ".csv", ".csv.gz", ".parquet")
_DENSE_KEY = ["network", "dataset", "training", "seed"]
_KEY = [*_DENSE_KEY, "heuristic", "schedule", "technique", "density", "retrain_epochs", "trial"]
_VALUES = ["test_accuracy", "validation_accuracy"]


def published(path: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Return published results, and notes on what was left out or filled in.

    Args:
        path: The authors' release or part of it: a file, or a folder of files; None for the table that ships.

    Raises:
        OSError: It cannot be read.
        ValueError: A file is no such table, or a row of it cannot be.
    """
    if path is None:
        return reference.table().assign(source="published"), []
    files = published_files(path)
    if not files:
        raise ValueError(f"{path} holds no table. Expected files that end in {', '.join(_ENDINGS)}.")
    table, notes = _joined([(file, _read(file, theirs=True)) for file in files])
    dense = set(table.loc[table.technique == "dense", "network"])
    if missing := sorted(set(table.network) - dense):
        shipped = reference.table()
        shipped = shipped[(shipped.technique == "dense") & shipped.network.isin(missing)]
        for network in missing:
            where = "taken from the published table" if network in set(shipped.network) else "nowhere to be found"
            notes.append(f"{path} has no dense networks of {network}: {where}")
        table = pd.concat([table, shipped], ignore_index=True)
    return table.assign(source="published"), notes


def own(patterns: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the user's results of these files, and notes on what was left out.

    Args:
        patterns: Paths of results tables; `*` and `**` are expanded where the shell did not, and commas part several.

    Raises:
        OSError: A file cannot be read.
        ValueError: A pattern matches nothing, a file is no results table, or a row of it cannot be.
    """
    table, notes = _joined([(file, _with_store(_read(file), file)) for file in own_files(patterns)])
    if (no_length := table.epochs.isna() & (table.technique == "dense")).any():
        networks = ", ".join(sorted(set(table.network[no_length])))
        notes.append(f"no column says how many epochs {networks} trained (epochs, T): the greatest t stands for it")
    return table.assign(source="own"), notes


def published_files(path: Path) -> list[Path]:
    """Return the files that `published` reads of this path.

    Raises:
        OSError: It cannot be read.
    """
    return [path] if path.is_file() else sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))


def own_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that `own` reads, each once.

    Raises:
        ValueError: A pattern matches nothing.
    """
    found = (path for pattern in patterns for path in _matching(pattern))
    return list(dict.fromkeys(path / "results.csv" if path.is_dir() else path for path in found))


def _matching(pattern: str) -> list[Path]:
    """Return the file of this name; if there is none, those of this pattern, or of each of them that commas part.

    Raises:
        ValueError: No file.
    """
    path = expanded(pattern)
    with suppress(OSError):  # a name that is too long is a list
        if path.exists():  # runs[1]/results.csv is a name before it is a pattern
            return [path]
    if found := sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 -- of any root
        return [Path(name) for name in found]
    if "," in pattern:
        return [path for part in pattern.split(",") if part for path in _matching(part)]
    raise ValueError(f"--results={pattern}: no such file. Expected the results.csv of a run_experiment.py.")


def _with_store(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Add the run store that a results table belongs to, "" if it stands alone."""
    store = str(path.parent) if (path.parent / "stages").is_dir() else ""
    # As objects: a path may hold bytes that are no text, and pandas' own strings may not.
    return table.assign(store=pd.Series(store, index=table.index, dtype=object))


def _read(path: Path, *, theirs: bool = False) -> pd.DataFrame:
    """Return one file's rows in our columns, checked; in `theirs` a network's dataset is known without a column."""
    frame = _raw(path)
    try:
        if "retrain_method" in frame and set(authors.PRUNED_COLUMNS) <= set(frame.columns):
            frame = authors.pruned_rows(frame)
        elif "technique" not in frame and set(authors.DENSE_COLUMNS) <= set(frame.columns):
            frame = authors.dense_rows(frame)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
    needed = TIDY if theirs else (*TIDY, "dataset")
    if missing := [column for column in needed if column not in frame.columns]:
        raise ValueError(
            f"{path} lacks the columns {', '.join(missing)}. Expected the results.csv of an experiment, or the "
            "authors' tables of dense or pruned networks."
        )
    table = frame.reindex(columns=[*COLUMNS, *(column for column in frame.columns if column not in COLUMNS)])
    for column in TEXT:
        table[column] = table[column].astype(object).where(table[column].notna(), "").astype(str)
    if theirs:
        table["dataset"] = table.dataset.where(table.dataset != "", table.network.map(authors.dataset_of))
    table = lettered(table)
    try:
        for column in NUMBERS:
            table[column] = numbers(column, table[column])
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
    check(table, path)
    return table


def _raw(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        start = file.read(4)
    if start[:1] == b"\x80":
        return read_pickle(path)
    try:
        if start == b"PAR1":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is no table that can be read ({str(error).strip()}). Expected CSV, Parquet or a pickle."
        ) from error


def _joined(tables: Sequence[tuple[Path, pd.DataFrame]]) -> tuple[pd.DataFrame, list[str]]:
    """Return the tables as one; of rows for one and the same network, the first file's stand.

    Raises:
        ValueError: One file has different accuracies for one network, or networks were trained on different data.
    """
    notes: list[str] = []
    joined = pd.DataFrame(columns=[*COLUMNS])
    for path, table in tables:
        rows = table.drop_duplicates([*_KEY, *_VALUES], ignore_index=True)
        if len(twice := rows[rows.duplicated(_KEY)]):
            first = twice.iloc[0]
            raise ValueError(
                f"{path}: two rows for {first.network}, {first.technique}, density {first.density:g}, "
                f"t {first.retrain_epochs:g}, trial {first.trial:g} have different accuracies. Expected one row for "
                "each network: leave one out, or tell them apart in the columns training or seed."
            )
        repeated = _keys(rows, _KEY).isin(_keys(joined, _KEY))
        if repeated.any():
            others = int((repeated & ~_keys(rows, [*_KEY, *_VALUES]).isin(_keys(joined, [*_KEY, *_VALUES]))).sum())
            differ = f"; {others} of them have other accuracies here, and the first file's stand" if others else ""
            notes.append(f"{path}: {int(repeated.sum())} rows are in files before it, and are left out{differ}")
        joined = pd.concat([joined, rows[~repeated]], ignore_index=True) if len(joined) else rows
    _check_one_data(joined, [str(path) for path, _ in tables])
    return joined, notes


def _check_one_data(table: pd.DataFrame, files: Sequence[str]) -> None:
    """Check that networks that are compared with the same dense ones were trained on the same data.

    Raises:
        ValueError: They were not; the digests are in the message.
    """
    told = table[table.data != ""]
    for _, rows in told.groupby(_keys(told, _DENSE_KEY)):
        if len(digests := rows.data.drop_duplicates()) > 1:
            first = rows.iloc[0]
            raise ValueError(
                f"{', '.join(files)}: {first.network} on {first.dataset} was trained on different data, or on the same "
                f"in different orders (column data: {', '.join(digests)}). Expected one digest: leave out one of them."
            )


def _keys(table: pd.DataFrame, columns: Sequence[str]) -> pd.MultiIndex:
    """Return rows as texts, for there NaN is equal to itself."""
    return pd.MultiIndex.from_frame(table[list(columns)].astype(str))
