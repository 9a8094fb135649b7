"""How sensitive each layer is to pruning: the accuracy when it alone is pruned, and what Han et al. choose by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf_lottery.pruning.criteria import magnitude_over_std
from tf_lottery.pruning.masks import Kernel, Mask

Accuracy = Callable[[Mapping[str, Mask]], float]  # of the network under these masks, on validation data, 0 to 1


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """One layer pruned alone."""

    kernel: str
    quality: float  # weights below that many standard deviations of the layer went; 0 for none
    kept: int
    total: int
    accuracy: float  # on validation data, 0 to 1, without retraining


def scan(
    kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], accuracy: Accuracy, qualities: tuple[float, ...]
) -> list[Sensitivity]:
    """Prune each layer alone, at each quality parameter, without retraining (Han et al. 2015, Figure 6).

    Args:
        kernels: The weights of each prunable kernel.
        masks: What is kept of each, by the same names.
        accuracy: Evaluates masks on validation data, never on test data.
        qualities: Multiples of the standard deviation of a layer's kept weights.

    Returns:
        For each kernel the network as it is, quality 0, then each quality.
    """
    found = []

    def row(name: str, quality: float, mask: Mask, there: float) -> Sensitivity:
        return Sensitivity(kernel=name, quality=quality, kept=int(mask.sum()), total=mask.size, accuracy=there)

    whole = accuracy(masks)
    for name, kernel in kernels.items():
        found.append(row(name, 0.0, masks[name], whole))
        scores = magnitude_over_std(kernel, masks[name])
        for quality in qualities:
            pruned = masks[name] * (scores >= quality).astype(np.uint8)
            found.append(row(name, quality, pruned, accuracy({**masks, name: pruned})))
    return found


def choose(
    scanned: Sequence[Sensitivity], kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], keep: int
) -> dict[str, float]:
    """Return each layer's quality parameter at which so many weights are kept and each layer alone loses the same.

    Han et al. 2015 choose by the scan, and give no rule; this one is ours: a loss of accuracy that is one for all
    layers, and as small as can be. Between two qualities that were tried the loss is taken to grow evenly; where it
    falls again, it counts as what it was. Tried first, and rejected: qualities at a fixed loss of half a point, all
    multiplied by one number until so many weights are left, for that empties the last layer.

    Args:
        scanned: Of `scan`.
        kernels: As given to it.
        masks: As given to it.
        keep: Of the weights of all kernels; what it comes out as may be some less or, where even the greatest quality
            tried keeps more, more.
    """
    scores = {name: magnitude_over_std(kernel, masks[name])[masks[name] != 0] for name, kernel in kernels.items()}
    curves = {name: _curve([row for row in scanned if row.kernel == name]) for name in kernels}

    def qualities(loss: float) -> dict[str, float]:
        return {name: float(np.interp(loss, losses, tried)) for name, (losses, tried) in curves.items()}

    def kept(loss: float) -> int:
        return sum(int((scores[name] >= quality).sum()) for name, quality in qualities(loss).items())

    least, most = 0.0, 1.0
    if kept(least) <= keep:
        return qualities(least)
    for _ in range(40):  # to a millionth of a millionth
        middle = (least + most) / 2
        least, most = (least, middle) if kept(middle) <= keep else (middle, most)
    return qualities(most)


def _curve(rows: Sequence[Sensitivity]) -> tuple[list[float], list[float]]:
    """Return losses, ascending, and the quality that leads to each, of which NumPy takes the last at equals."""
    whole, *tried = rows
    losses, qualities = [0.0], [tried[0].quality / 100]  # above 0, since scores are divided by it
    for row in tried:
        losses.append(max(losses[-1], whole.accuracy - row.accuracy))
        qualities.append(row.quality)
    return losses, qualities
