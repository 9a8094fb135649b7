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
    held_out_examples: int  # validation and test together; or test alone, where validation is drawn
    drawn_validation: int = 0  # examples drawn at random from the original training part for validation
    peak: float = 255.0  # the greatest value of a pixel
    normalisation: Literal["mean_std", "standardise_image"]
    mean: float | tuple[float, ...] = 0.0  # of the training pixels over `peak`, or of each channel's; for mean_std
    std: float | tuple[float, ...] = 1.0
    augmentation: Literal["none", "pad_crop_flip"] = "none"
    find: Callable[[Dataset, Sequence[Path]], Found | None]  # places -> what to read, None if it is in none of them
    # What `identity.digest` finds in the original data; None: whatever has the right shape is taken for it.
    examples_digest: str | None = None
    tfds_name: str | None = None  # of the same data in TensorFlow Datasets

    @property
    def in_train_files(self) -> int:
        """How many examples the original training part has."""
        return self.train_examples + self.drawn_validation

    def split(self, parts: Parts) -> Splits:
        """Return train, validation and test: 20% and 80% of the held-out part, as in the paper's data (1/2,000 steps).

        Or, where validation is drawn, so many of the training part, and all of the held-out part (Frankle & Carbin
        2019). Which images go where neither paper says; here a permutation fixed once for all decides.

        Raises:
            DamagedDataError: The parts are not of the sizes, shape or labels that the row says.
        """
        train, held_out = parts
        for what, part, expected in (
            ("train", train, self.in_train_files),
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
        if self.drawn_validation:
            return Splits(*_divided(train, self.drawn_validation)[::-1], held_out)
        return Splits(train, *_divided(held_out, self.held_out_examples // 5))


def _divided(part: Split, count: int) -> tuple[Split, Split]:
    """Return so many examples drawn at random, the same ones each time, and the others; both in their order."""
    order = np.random.Generator(np.random.Philox(key=20_200_305)).permutation(len(part.labels))
    drawn, others = np.sort(order[:count]), np.sort(order[count:])
    return Split(part.images[drawn], part.labels[drawn]), Split(part.images[others], part.labels[others])
