"""A dataset by name, found in local files first."""

from __future__ import annotations

from functools import partial

from tf_lottery.datasets import tfds
from tf_lottery.datasets.dataset import Dataset, MissingDataError, Read, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.datasets.places import VARIABLE, places
from tf_lottery.lookup import lookup

_DEBIAN = {"fashion_mnist": "apt-get install dataset-fashion-mnist, or "}


def find(name: str, *, data_dir: str | None = None, download: bool = False) -> tuple[Dataset, Read]:
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
    if read := dataset.find(dataset, searched):
        return dataset, read
    if dataset.tfds_name:
        prepared = tfds.find_prepared(dataset.tfds_name, searched)
        if prepared or download:
            place = prepared or (searched[0] if data_dir else None)
            return dataset, partial(tfds.read, dataset.tfds_name, place, download=not prepared)
    raise MissingDataError(
        f"no data of {name}. Searched: {', '.join(map(str, searched))}. Either get the original files "
        f"({_DEBIAN.get(name, '')}put them into a folder that --data_dir or ${VARIABLE} names), or run again with "
        "--download to let TensorFlow Datasets fetch them."
    )


def load(name: str, *, data_dir: str | None = None, download: bool = False) -> Splits:
    """Return train, validation and test, read and checked; raises what `find` does."""
    dataset, read = find(name, data_dir=data_dir, download=download)
    return dataset.split(read())
