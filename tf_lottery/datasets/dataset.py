"""What a dataset is: one row of the table of datasets, and the splits that it is read into."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]  # [examples, height, width, channels]
Labels = npt.NDArray[np.int32]  # [examples], 0 to classes - 1


class MissingDataError(Exception):
    """No place that was searched has the data."""


class DamagedDataError(Exception):
    """A data file that is cut, of another kind, or does not hold what it should."""


class Split(NamedTuple):
    """Examples in their fixed order."""

    images: Images
    labels: Labels


class Splits(NamedTuple):
    """A dataset as it is used: validation chooses, test reports."""

    train: Split
    validation: Split
    test: Split

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that tell these examples, in this order, from any others."""
        digest = hashlib.sha256()
        for images, labels in self:
            digest.update(np.ascontiguousarray(images).data)
            digest.update(np.ascontiguousarray(labels).data)
        return digest.hexdigest()[:8]


Parts = tuple[Split, Split]  # train, and what validation and test are taken from


@dataclass(frozen=True, kw_only=True)
class Found:
    """Data that are there; they are read when it is called."""

    where: str  # for people
    read: Callable[[], Parts]

    def __call__(self) -> Parts:
        return self.read()


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What is known of a dataset without reading it, and how it is found."""

    shape: tuple[int, int, int]  # height, width, channels
    classes: int
    train_examples: int
    held_out_examples: int  # validation and test together
    peak: float = 255.0  # the greatest value of a pixel
    normalisation: Literal["mean_std", "standardise_image"]
    mean: float = 0.0  # of the training pixels over `peak`; for mean_std
    std: float = 1.0
    augmentation: Literal["none", "pad_crop_flip"] = "none"
    find: Callable[[Dataset, Sequence[Path]], Found | None]  # places -> what to read, None if it is in none of them
    # What `identity.digest` finds in the original data; None: whatever has the right shape is taken for it.
    examples_digest: str | None = None
    tfds_name: str | None = None  # of the same data in TensorFlow Datasets

    def split(self, parts: Parts) -> Splits:
        """Return train, validation and test: 20% and 80% of the held-out part, as in the paper's data (1/2,000 steps).

        Which images go where is not in the authors' release; here a permutation fixed once for all decides.

        Raises:
            DamagedDataError: The parts are not of the sizes, shape or labels that the row says.
        """
        train, held_out = parts
        for what, part, expected in (
            ("train", train, self.train_examples),
            ("test", held_out, self.held_out_examples),
        ):
            if part.images.shape != (expected, *self.shape) or part.labels.shape != (expected,):
                raise DamagedDataError(
                    f"the {what} images have shape {part.images.shape} and {len(part.labels)} labels; expected "
                    f"{expected} images of {self.shape}. Replace the files."
                )
            if not 0 <= part.labels.min() <= part.labels.max() < self.classes:
                raise DamagedDataError(
                    f"{what} labels go from {part.labels.min()} to {part.labels.max()}; expected 0 to "
                    f"{self.classes - 1}. Replace the files."
                )
        order = np.random.Generator(np.random.Philox(key=20_200_305)).permutation(self.held_out_examples)
        border = self.held_out_examples // 5
        validation, test = np.sort(order[:border]), np.sort(order[border:])
        return Splits(
            train,
            Split(held_out.images[validation], held_out.labels[validation]),
            Split(held_out.images[test], held_out.labels[test]),
        )
