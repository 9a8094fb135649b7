"""Data as TensorFlow Datasets prepared them, or, if the user says so, downloads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery.datasets.dataset import DamagedDataError, MissingDataError, Parts, Split


def find_prepared(name: str, places: Sequence[Path]) -> Path | None:
    """Return the first place that holds the dataset prepared, without importing anything."""
    return next((place for place in places if any(place.glob(f"{name}/*/dataset_info.json"))), None)


def read(name: str, place: Path | None, *, download: bool) -> Parts:
    """Return train and test.

    Args:
        name: In TensorFlow Datasets.
        place: Its data folder; None for its own default.
        download: Download and prepare what is not there.

    Raises:
        MissingDataError: The download failed.
        DamagedDataError: What is there cannot be read.
    """
    import tensorflow_datasets as tfds  # imports TensorFlow when it reads

    builder = tfds.builder(name, data_dir=place)
    if download:
        try:
            builder.download_and_prepare()
        # Whatever goes wrong (no network, a moved file, a changed checksum): the user needs the same advice.
        except Exception as error:
            raise MissingDataError(
                f"downloading {name} failed: {error}. Check the network, or get the original files and name their "
                "folder with --data_dir."
            ) from error
    try:
        parts = tuple(_split(builder.as_dataset(split=split, batch_size=-1)) for split in ("train", "test"))
    except Exception as error:
        raise DamagedDataError(
            f"{builder.data_dir}: {error}. Remove the folder and prepare the dataset anew."
        ) from error
    return parts[0], parts[1]


def _split(batch: Any) -> Split:
    import tensorflow_datasets as tfds

    arrays = tfds.as_numpy(batch)
    return Split(arrays["image"].astype(np.uint8), arrays["label"].astype(np.int32))
