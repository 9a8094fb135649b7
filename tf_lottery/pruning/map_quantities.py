"""What can be collected of maps on examples: a quantity of each batch, one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.criterion import MapQuantity
from tf_lottery.pruning.maps import flat, maps_of


@dataclass(frozen=True, kw_only=True)
class MapBatch:
    """One batch of examples, and the maps that a network makes of them."""

    forward: Callable[[], Any]  # -> outputs
    loss: Callable[[Any], Any]  # outputs -> the mean loss
    axes: Mapping[int, int]  # by the id of a layer: the axis of its channels
    weights: Sequence[Any]  # every prunable kernel
    scale: float  # of the loss while gradients are taken, so that none is lost in float16

    def maps(self) -> list[list[Any]]:
        """Return for each layer its maps, [batch, positions, channels], one for each of its calls."""
        _, found = maps_of(self.forward, self.axes.keys())
        return [[_wide(flat(one, axis)) for one in found[maker]] for maker, axis in self.axes.items()]

    def maps_times_gradients(self) -> list[list[Any]]:
        """Return for each layer z dL/dz of its maps, L the loss of each example on its own, as `maps` does."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.weights)
            outputs, found = maps_of(self.forward, self.axes.keys())
            loss = self.loss(outputs) * self.scale
        every = [one for ones in found.values() for one in ones]
        gradients = dict(
            zip(
                map(id, every),
                tape.gradient(loss, every, unconnected_gradients=tf.UnconnectedGradients.ZERO),
                strict=True,
            )
        )
        products: list[list[Any]] = []
        for maker, axis in self.axes.items():
            products.append([])
            for one in found[maker]:
                # The mean of a batch has the gradient of each example over their number.
                examples = tf.cast(tf.shape(one)[0], tf.float64) / self.scale
                products[-1].append(_wide(flat(one, axis)) * _wide(flat(gradients[id(one)], axis)) * examples)
        return products


def _wide(tensor: Any) -> Any:
    return tf.cast(tensor, tf.float64)


def _taylor(batch: MapBatch) -> list[Any]:
    """Return mean over examples of |mean over positions of z dL/dz|; all calls of a layer are one map."""
    found = []
    for products in batch.maps_times_gradients():
        means = tf.add_n([tf.reduce_mean(product, axis=1) for product in products])
        found.append(tf.reduce_mean(tf.abs(means), axis=0)[:, None])
    return found


def _moments(batch: MapBatch) -> list[Any]:
    """Return the means of z and z^2 over examples and positions."""
    return [
        tf.add_n([tf.stack([tf.reduce_mean(one, [0, 1]), tf.reduce_mean(one**2, [0, 1])], axis=-1) for one in maps])
        / len(maps)
        for maps in batch.maps()
    ]


def _nonzero(batch: MapBatch) -> list[Any]:
    """Return which share of the values is not 0."""
    return [
        tf.add_n([tf.reduce_mean(tf.cast(one != 0, tf.float64), [0, 1])[:, None] for one in maps]) / len(maps)
        for maps in batch.maps()
    ]


# (a batch) -> [channels, numbers], float64, for each layer; averaged over the batches
MAP_QUANTITIES: Mapping[MapQuantity, Callable[[MapBatch], list[Any]]] = {
    "taylor": _taylor,
    "moments": _moments,
    "nonzero": _nonzero,
}
NEED_LOSS = frozenset({"taylor"})
