"""A dataset by name, found in local files first."""

from __future__ import annotations

from functools import partial

from tf_lottery.datasets import identity, tfds
from tf_lottery.datasets.dataset import Dataset, Found, MissingDataError, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.datasets.places import VARIABLE, places
from tf_lottery.lookup import lookup

_DEBIAN = {"fashion_mnist": "apt-get install dataset-fashion-mnist, or "}


def find(name: str, *, data_dir: str | None = None, download: bool = False) -> tuple[Dataset, Found]:
    """Return the dataset's row and how to read it; nothing is read yet, and TensorFlow is not imported.

    Args:
        name: In `known.DATASETS`.
        data_dir: Searched before the other places.
        download: Whether TensorFlow Datasets may fetch what no place has.

    Raises:
        ValueError: No dataset of this name.
        MissingDataError: No place has it, and `download` is False.
        DamagedDataError: A place has a part of it.
    """
    dataset = lookup("dataset", DATASETS, name)
    searched = places(data_dir)
    if found := dataset.find(dataset, searched):
        return dataset, found
    if dataset.tfds_name:
        prepared = tfds.find_prepared(dataset.tfds_name, searched)
        if prepared or download:
            place = prepared or (searched[0] if data_dir else None)
            read = partial(tfds.read, dataset.tfds_name, place, download=not prepared)
            return dataset, Found(where=str(place or "TensorFlow Datasets"), read=read)
    raise MissingDataError(
        f"no data of {name}. Searched: {', '.join(map(str, searched))}. Either get the original files "
        f"({_DEBIAN.get(name, '')}put them into a folder that --data_dir or ${VARIABLE} names), or run again with "
        "--download to let TensorFlow Datasets fetch them."
    )


def load(name: str, *, data_dir: str | None = None, download: bool = False) -> Splits:
    """Return train, validation and test, read and checked.

    Raises:
        DamagedDataError: The data are cut, or are not this dataset.
        ValueError, MissingDataError: As `find`.
    """
    dataset, found = find(name, data_dir=data_dir, download=download)
    parts = found()
    splits = dataset.split(parts)
    identity.check(name, found, parts)
    return splits
