"""Batch norm's moving statistics computed anew, for weights that were not trained as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tf_lottery.datasets.dataset import Dataset, Images
from tf_lottery.lazy_tf import tf
from tf_lottery.training import batches


class BatchStatistics:
    """Sets the moving statistics of a network to the means of those of batches."""

    def __init__(self, model: Any, layers: Sequence[Any], dataset: Dataset) -> None:
        """Compile what sees a batch.

        Args:
            model: Images [batch, ...] -> logits.
            layers: Its batch norm layers.
            dataset: Says how images are normalised.
        """
        self._model, self._layers, self._dataset = model, layers, dataset
        self._statistics = [each for layer in layers for each in (layer.moving_mean, layer.moving_variance)]
        self._see = tf.function(self._batch)

    def renew(self, images: Iterable[Images]) -> None:
        """Renew the statistics from these batches of images as they were read, all of one size."""
        sums, count = [tf.zeros_like(each) for each in self._statistics], 0
        for batch in images:
            sums = [total + seen for total, seen in zip(sums, self._see(tf.constant(batch)), strict=True)]
            count += 1
        for variable, total in zip(self._statistics, sums, strict=True):
            variable.assign(total / count)

    def _batch(self, images: Any) -> list[Any]:
        """Return the statistics of one batch: in training mode, with momentum 0, the moving ones become them."""
        momenta = [layer.momentum for layer in self._layers]
        try:
            for layer in self._layers:
                layer.momentum = 0.0
            self._model(batches.normalise(images, self._dataset), training=True)
        finally:
            for layer, momentum in zip(self._layers, momenta, strict=True):
                layer.momentum = momentum
        return [each.read_value() for each in self._statistics]
