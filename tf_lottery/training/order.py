"""Which example, shifted and flipped how, stands at each position of a training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_lottery.training.randomness import Draws

PADDING = 4  # pixels on each side before a random crop: the authors' code, cifar10_main.py


def positions(
    draws: Draws, *, examples: int, first: int, last: int, augmented: bool
) -> npt.NDArray[np.int32]:  # [last - first, 1 or 4]
    """Return the rows of positions `first` to `last` (exclusive) of the endless stream of examples.

    The data are repeated before they are batched, each time in a new order, so batches straddle epochs and none is
    partial (the authors' code, cifar10_main.py). Position p is in epoch p // examples.

    Returns:
        Column 0: the example. If augmented, columns 1 and 2: the crop's top and left in 0 to 8; 3: 1 to flip.
    """
    parts = []
    for epoch in range(first // examples, -(-last // examples)):
        rows = draws.generator("order", epoch).permutation(examples).astype(np.int32)[:, None]
        if augmented:
            generator = draws.generator("augmentation", epoch)
            corners = generator.integers(0, 2 * PADDING + 1, (examples, 2), dtype=np.int32)
            rows = np.hstack([rows, corners, generator.integers(0, 2, (examples, 1), dtype=np.int32)])
        begin = epoch * examples
        parts.append(rows[max(first - begin, 0) : last - begin])
    return np.concatenate(parts)
