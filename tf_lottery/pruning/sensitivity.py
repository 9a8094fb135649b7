"""How sensitive each layer is to pruning: the accuracy when it alone is pruned, and what Han et al. choose by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tf_lottery.pruning.criteria import magnitude_over_std
from tf_lottery.pruning.masks import Kernel, Mask

Accuracy = Callable[[Mapping[str, Mask]], float]  # of the network under these masks, on validation data, 0 to 1


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Which quality parameters are tried, and how much a layer alone may lose."""

    qualities: tuple[float, ...]  # multiples of the layer's standard deviation, above 0, ascending
    loss: float  # of validation accuracy, as a share of all examples


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
    generator = np.random.default_rng(0)  # nothing is drawn from it
    for name, kernel in kernels.items():
        found.append(row(name, 0.0, masks[name], whole))
        scores = magnitude_over_std(kernel, masks[name], generator)
        for quality in qualities:
            pruned = masks[name] * (scores >= quality).astype(np.uint8)
            found.append(row(name, quality, pruned, accuracy({**masks, name: pruned})))
    return found


def choose(scanned: list[Sensitivity], loss: float) -> dict[str, float]:
    """Return each layer's quality parameter: the greatest up to which the layer alone loses no more than `loss`.

    Han et al. 2015 choose it by this scan, and give no rule; this one is ours. A layer that loses more at the least
    quality tried has that one.
    """
    layers: dict[str, list[Sensitivity]] = {}
    for row in scanned:
        layers.setdefault(row.kernel, []).append(row)
    chosen = {}
    for name, (whole, *tried) in layers.items():
        bound = whole.accuracy - loss - 1e-9  # shares of examples, which may differ in their last bit
        chosen[name] = tried[0].quality
        for row in tried:
            if row.accuracy < bound:
                break
            chosen[name] = row.quality
    return chosen
