"""Handwritten digits that come with scikit-learn: 1,797 images of 8x8 pixels, values 0 to 16 (UCI, 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_lottery.datasets.dataset import Dataset, Found, Parts, Split

_HELD_OUT_PER_CLASS = 50


def _find(dataset: Dataset, places: Sequence[Path]) -> Found:
    del dataset, places
    return Found(where="scikit-learn", read=_read)


def _read() -> Parts:
    """Return a fixed stratified division: 50 images of each class, drawn once for all, are held out."""
    from sklearn.datasets import load_digits  # 2 s

    raw = load_digits()
    images, labels = raw.images.astype(np.uint8)[..., None], raw.target.astype(np.int32)
    generator = np.random.Generator(np.random.Philox(key=1998))
    held_out = np.zeros(len(labels), bool)
    for label in range(10):
        held_out[generator.permutation(np.flatnonzero(labels == label))[:_HELD_OUT_PER_CLASS]] = True
    return Split(images[~held_out], labels[~held_out]), Split(images[held_out], labels[held_out])


DATASETS = {
    "digits": Dataset(
        shape=(8, 8, 1),
        classes=10,
        train_examples=1_297,
        held_out_examples=500,
        peak=16.0,
        normalisation="mean_std",
        mean=0.3055,  # measured on the training part
        std=0.3762,
        find=_find,
        examples_digest="4cdd1ddc59a9787033268a7486113c3bd22db6d4f1a81668a82ea725c61812a3",
    ),
}
