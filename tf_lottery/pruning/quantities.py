"""What can be collected of a network on examples, for each weight: a quantity of each batch, one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.criterion import Quantity


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The mean loss of one batch, as a function of the weights."""

    loss: Callable[[], Any]  # -> scalar
    weights: Sequence[Any]  # every prunable kernel
    scale: float  # of the loss while gradients are taken, so that none is lost in float16
    seed: Any  # [2] of int32, another one for each batch

    def gradients(self) -> list[Any]:
        """Return dL/dw of each kernel."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.weights)
            loss = self.loss() * self.scale
        return self._gradients(tape, loss)

    def hessian_times(self, vector: Callable[[list[Any]], list[Any]]) -> tuple[list[Any], list[Any], list[Any]]:
        """Return gradients g, vectors v (made of g) and H v, H of the loss over all prunable weights together."""
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(self.weights)
            gradients = self.gradients()
            vectors = [tf.stop_gradient(each) for each in vector(gradients)]
            pairs = zip(gradients, vectors, strict=True)
            product = tf.add_n([tf.reduce_sum(gradient * each) for gradient, each in pairs]) * self.scale
        return gradients, vectors, self._gradients(outer, product)

    def signs(self, gradients: Sequence[Any]) -> list[Any]:
        """Return +1 or -1 at random for each weight."""
        seeds = [self.seed + tf.constant([0, place]) for place in range(len(gradients))]
        draws = [tf.random.stateless_uniform(tf.shape(each), seed) for each, seed in zip(gradients, seeds, strict=True)]
        return [tf.where(draw < 0.5, -1.0, 1.0) for draw in draws]

    def _gradients(self, tape: Any, scaled: Any) -> list[Any]:
        found = tape.gradient(scaled, self.weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        found = [tf.cast(tf.convert_to_tensor(each), tf.float32) for each in found]
        return found if self.scale == 1 else [each / self.scale for each in found]


def _hessian_gradient(batch: Batch) -> list[Any]:
    return batch.hessian_times(lambda gradients: gradients)[2]


def _hessian_diagonal(batch: Batch) -> list[Any]:
    _, signs, products = batch.hessian_times(batch.signs)
    return [sign * product for sign, product in zip(signs, products, strict=True)]


def _second_order(batch: Batch) -> list[Any]:
    values = [tf.convert_to_tensor(weight) for weight in batch.weights]
    gradients, _, products = batch.hessian_times(lambda _: values)
    return [
        tf.square(weight * gradient - weight * product / 2)
        for weight, gradient, product in zip(values, gradients, products, strict=True)
    ]


# (a batch) -> [*kernel] for each kernel; averaged over the batches
QUANTITIES: Mapping[Quantity, Callable[[Batch], list[Any]]] = {
    "gradient": lambda batch: batch.gradients(),
    "squared_gradient": lambda batch: [tf.square(gradient) for gradient in batch.gradients()],
    "hessian_gradient": _hessian_gradient,
    "hessian_diagonal": _hessian_diagonal,
    "second_order": _second_order,
}
