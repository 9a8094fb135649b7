"""A Keras model whose `train_step` runs many steps in one compiled loop, on examples as they were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_lottery.datasets.dataset import Dataset
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks.dropout import dropout_layers
from tf_lottery.training import batches
from tf_lottery.training.feed import Piece
from tf_lottery.training.held_layers import HeldLayers
from tf_lottery.training.inputs import HeldOutPiece, Input
from tf_lottery.training.put_in import PutIn


class StepLoop(keras.Model):
    """A network with its input: `fit` goes over the pieces of a `Feed`.

    What a step adds up is one small variable: Keras' metrics would cost more than the steps of a small network. What is
    minimised is the cross-entropy with what layers add to it if they do; what is told is the cross-entropy.
    """

    def __init__(
        self, network: Any, *, dataset: Dataset, source: Input, batch_size: int, rates: PutIn, momenta: PutIn
    ) -> None:
        """Hold the network and its input.

        Args:
            network: A Keras model, images [batch, ...] -> logits [batch, classes].
            dataset: Says how images are normalised and augmented.
            source: Of the examples.
            batch_size: Of a training step.
            rates: The schedule of the optimizer that this is compiled with.
            momenta: That of its momentum, if it has one.
        """
        super().__init__(inputs=network.inputs, outputs=network.outputs)
        self._dataset, self._source, self._batch_size = dataset, source, batch_size
        self._rates, self._momenta = rates, momenta
        self._augmented = dataset.augmentation == "pad_crop_flip"
        # Loss and accuracy, added up over the steps of the epoch, and how many steps these are.
        self._sums = tf.Variable(tf.zeros([3]), trainable=False)
        # The step of the epoch whose loss was the first that is not a finite number; -1 for none.
        self.diverged_at = tf.Variable(-1, dtype=tf.int32, trainable=False)
        self.held_layers: HeldLayers | None = None  # set before the first step where only some layers may train
        self._dropouts = dropout_layers(network)
        self._train: Any = None
        self._evaluate: Any = None
        self._count_nonzero: Any = None

    def reset_metrics(self) -> None:
        """Begin an epoch: Keras calls this."""
        self._sums.assign(tf.zeros([3]))
        self.diverged_at.assign(-1)

    @property
    def metrics(self) -> list[Any]:
        """No metrics of Keras: it takes what `train_step` returns."""
        return []

    def make_train_function(self, force: bool = False) -> Any:
        """Return what `fit` calls with its iterator, for each piece: Keras calls this.

        The compiled steps are called from here, not, as Keras has it, from a function around them that takes the
        iterator: there one of TensorFlow's own threads would run them, and wait for another one at every operation,
        with both, on some virtual machines, on one core.
        """
        if getattr(self, "train_function", None) is None or force:
            self._train = tf.function(self.train_step, jit_compile=self.jit_compile)
            self.train_function: Any = lambda iterator: self._train(next(iterator))
        return self.train_function

    def train_step(self, piece: Any) -> dict[str, Any]:
        """Run the steps of a piece; stop at the first loss that is not finite."""
        piece = Piece(*piece)
        self._rates.put(piece.rates, first_iteration=self.optimizer.iterations)
        self._momenta.put(piece.momenta, first_iteration=self.optimizer.iterations)

        def goes_on(step: Any, loss: Any, correct: Any, diverged: Any) -> Any:
            del loss, correct
            return (step < piece.count) & (diverged < 0)

        def run(step: Any, loss_sum: Any, correct: Any, diverged: Any) -> tuple[Any, ...]:
            images, labels = self._batch(piece, step)
            with tf.GradientTape() as tape:
                logits = self(images, training=True)
                cross_entropy = mean_cross_entropy(labels, logits)
                loss = tf.add_n([cross_entropy, *self.losses])
            before = self.held_layers.values() if self.held_layers else []
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            if self.held_layers:
                self.held_layers.put_back(before)
            for layer in self._dropouts:
                layer.count_step()
            right = tf.reduce_mean(tf.cast(_right(labels, logits), tf.float32))
            diverged = tf.where(tf.math.is_finite(loss), diverged, step)
            return step + 1, loss_sum + cross_entropy, correct + right, diverged

        zero = tf.constant(0.0)
        done, loss_sum, correct, diverged = tf.while_loop(goes_on, run, (tf.constant(0), zero, zero, tf.constant(-1)))
        self.diverged_at.assign(tf.where(diverged < 0, diverged, piece.first + diverged))
        sums = self._sums + tf.stack([loss_sum, correct, tf.cast(done, tf.float32)])
        self._sums.assign(sums)
        return {"loss": sums[0] / sums[2], "accuracy": sums[1] / sums[2]}

    def evaluate_split(self, split: str) -> tuple[float, float]:
        """Return loss, without weight decay, and accuracy on "validation" or "test"."""
        if self._evaluate is None:
            self._evaluate = tf.function(self._evaluate_piece, jit_compile=self.jit_compile)
        sums = tf.zeros([3])
        for piece in self._source.held_out_pieces(split):
            sums = self._evaluate(sums, piece)
        loss, correct, seen = sums.numpy()
        return float(loss / seen), round(float(correct)) / round(float(seen))

    def nonzero_shares(self, layers: Sequence[Any], split: str) -> list[float]:
        """Return which share of each layer's inputs is not 0, over all examples of "validation" or "test".

        Args:
            layers: Of the network, the same at each call: what counts is compiled once.
            split: Of the data.
        """
        if self._count_nonzero is None:
            inputs = keras.Model(self.inputs, [layer.input for layer in layers])
            sizes = [int(np.prod(layer.input.shape[1:])) for layer in layers]

            def count(sums: Any, piece: HeldOutPiece) -> Any:
                def run(index: Any, sums: Any) -> tuple[Any, Any]:
                    images, _, counts = self._source.held_out_batch(piece, index)
                    seen = tf.nest.flatten(inputs(batches.normalise(images, self._dataset), training=False))
                    nonzero = [
                        tf.reduce_sum(counts * tf.reduce_sum(tf.cast(tf.reshape(one, [-1, size]) != 0, tf.float32), 1))
                        for one, size in zip(seen, sizes, strict=True)
                    ]
                    totals = [tf.reduce_sum(counts) * size for size in sizes]
                    return index + 1, sums + tf.cast(tf.stack([nonzero, totals]), tf.float64)

                return tf.while_loop(lambda i, _: i < piece.first + piece.count, run, (piece.first, sums))[1]

            self._count_nonzero = tf.function(count, jit_compile=self.jit_compile)
        sums = tf.zeros([2, len(layers)], tf.float64)  # in float32, 1 more than 2^24 is not another number
        for piece in self._source.held_out_pieces(split):
            sums = self._count_nonzero(sums, piece)
        nonzero, totals = sums.numpy()
        return [float(share) for share in nonzero / totals]

    @property
    def traces(self) -> tuple[int, int]:
        """How often training and evaluation were traced."""
        functions = (self._train, self._evaluate)
        training, evaluation = (function.experimental_get_tracing_count() if function else 0 for function in functions)
        return training, evaluation

    def _evaluate_piece(self, sums: Any, piece: HeldOutPiece) -> Any:
        def run(index: Any, sums: Any) -> tuple[Any, Any]:
            images, labels, counts = self._source.held_out_batch(piece, index)
            logits = self(batches.normalise(images, self._dataset), training=False)
            right = tf.cast(_right(labels, logits), tf.float32)
            here = [tf.reduce_sum(_losses(labels, logits) * counts), tf.reduce_sum(right * counts)]
            return index + 1, sums + tf.stack([*here, tf.reduce_sum(counts)])

        end = piece.first + piece.count
        return tf.while_loop(lambda index, _: index < end, run, (piece.first, sums))[1]

    def _batch(self, piece: Piece, step: Any) -> tuple[Any, Any]:
        start = step * self._batch_size
        rows = tf.slice(piece.rows, [start, 0], [self._batch_size, piece.rows.shape[1]])
        images, labels = self._source.batch(piece.part, rows[:, 0], start)
        if self._augmented:
            images = batches.crop_and_flip(batches.pad(images), rows)
        return batches.normalise(images, self._dataset), labels


def mean_cross_entropy(labels: Any, logits: Any) -> Any:
    """Return the mean cross-entropy in nats of labels [batch] and logits [batch, classes]."""
    return tf.reduce_mean(_losses(labels, logits))


def _losses(labels: Any, logits: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))


def _right(labels: Any, logits: Any) -> Any:
    return tf.argmax(logits, axis=1, output_type=tf.int32) == labels
