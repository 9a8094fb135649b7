"""What all contenders of a comparison train: one network, one set of images, one number of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A training to be timed; speed does not depend on what the images show, so they are noise."""

    network: str
    shape: tuple[int, int, int]
    batch_size: int = 128
    steps: int  # of one timed run
    density: float = 0.2  # of the contenders that train under masks
    l2: float = 5e-4  # coefficient of sum(w^2) / 2
    rate: float = 0.05
    classes: int = 10

    @property
    def examples(self) -> int:
        """Images in memory: as many as one run takes."""
        return self.steps * self.batch_size

    def images(self) -> np.ndarray:
        """Return images [examples, *shape] as files hold them, uint8."""
        return np.random.default_rng(0).integers(0, 256, (self.examples, *self.shape)).astype(np.uint8)

    def labels(self) -> np.ndarray:
        """Return labels [examples]."""
        return np.random.default_rng(1).integers(0, self.classes, self.examples).astype(np.int32)

    def normalised(self) -> np.ndarray:
        """Return the images as float32, as most people's scripts prepare them."""
        return (self.images().astype(np.float32) / 255 - 0.5) / 0.25


PROBLEMS = {
    "lenet": Problem(network="lenet_300_100", shape=(28, 28, 1), steps=468),
    "resnet": Problem(network="resnet20", shape=(32, 32, 3), steps=8, l2=2e-4),
    "resnet_8x8": Problem(network="resnet20", shape=(8, 8, 1), steps=20, l2=2e-4),
}
