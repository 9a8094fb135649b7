"""A loop of training steps written by hand for XLA: what the arithmetic allows without any of Keras' machinery."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problem import Problem
from tf_lottery.lazy_tf import tf
from tf_lottery.networks.registry import find


class XlaLoop:
    """All steps in one compiled call: batches gathered in it, momentum and masks as plain arithmetic."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        # Only the forward pass is of the Keras model: the same arithmetic as the others.
        self._model = find(problem.network).build(shape=problem.shape, classes=problem.classes, l2=problem.l2)
        self._images, self._labels = tf.constant(problem.images()), tf.constant(problem.labels())
        self._variables = self._model.trainable_variables
        self._velocities = [tf.Variable(tf.zeros_like(variable)) for variable in self._variables]
        masks = np.random.default_rng(2)
        self._masks = [
            tf.constant((masks.random(variable.shape) < problem.density).astype(np.float32))
            if "kernel" in variable.name
            else None
            for variable in self._variables
        ]
        for variable, mask in zip(self._variables, self._masks, strict=True):
            if mask is not None:
                variable.assign(variable * mask)
        self._order = np.random.default_rng(3)
        self._train: Any = tf.function(self._steps, jit_compile=True)

    def run(self) -> None:
        """Take all steps."""
        order = self._order.permutation(self._problem.examples).astype(np.int32)
        float(self._train(tf.constant(order)))

    def masked_nonzero(self) -> int | None:
        """Count in the variables themselves."""
        pairs = zip(self._variables, self._masks, strict=True)
        held = [(variable.numpy(), mask.numpy()) for variable, mask in pairs if mask is not None]
        return sum(int(np.count_nonzero(weight[mask == 0])) for weight, mask in held)

    def _steps(self, order: Any) -> Any:
        problem = self._problem

        def step(index: Any, total: Any) -> tuple[Any, Any]:
            places = tf.slice(order, [index * problem.batch_size], [problem.batch_size])
            images = (tf.cast(tf.gather(self._images, places), tf.float32) / 255 - 0.5) / 0.25
            with tf.GradientTape() as tape:
                logits = self._model(images, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(self._labels, places), logits)
                loss = tf.reduce_mean(losses) + tf.add_n(self._model.losses)
            gradients = tape.gradient(loss, self._variables)
            for variable, velocity, mask, gradient in zip(
                self._variables, self._velocities, self._masks, gradients, strict=True
            ):
                velocity.assign(0.9 * velocity + gradient)
                moved = variable - problem.rate * velocity
                variable.assign(moved if mask is None else moved * mask)
            return index + 1, total + loss

        return tf.while_loop(lambda index, _: index < problem.steps, step, (0, 0.0))[1]
