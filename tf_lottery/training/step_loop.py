"""A Keras model whose `train_step` runs many steps in one compiled loop, over data that lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.datasets.dataset import Dataset, Split, Splits
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.training import batches

_LARGEST_EVALUATION_BATCH = 1000


class StepLoop(keras.Model):
    """A network with its data: `fit` iterates over (first step, steps) pairs of the epoch whose order was put in."""

    def __init__(
        self, network: Any, *, dataset: Dataset, splits: Splits, batch_size: int, steps_per_epoch: int
    ) -> None:
        """Hold the network and put the data into memory.

        Args:
            network: A Keras model, images [batch, ...] -> logits [batch, classes].
            dataset: Says how images are normalised and augmented.
            splits: The data.
            batch_size: Of a training step.
            steps_per_epoch: The most that one epoch has.
        """
        super().__init__(inputs=network.inputs, outputs=network.outputs)
        self._dataset = dataset
        self._batch_size = batch_size
        self._augmented = dataset.augmentation == "pad_crop_flip"
        images = tf.constant(splits.train.images)
        self._images = batches.pad(images) if self._augmented else images
        self._labels = tf.constant(splits.train.labels)
        columns = 4 if self._augmented else 1
        self._order = tf.Variable(tf.zeros([steps_per_epoch * batch_size, columns], tf.int32), trainable=False)
        self._held_out = _HeldOut(splits)
        self._mean_loss = keras.metrics.Mean("loss")
        self._mean_accuracy = keras.metrics.Mean("accuracy")
        # The step of the epoch whose loss was the first that is not a finite number; -1 for none.
        self.diverged_at = tf.Variable(-1, dtype=tf.int32, trainable=False)

    @property
    def metrics(self) -> list[Any]:
        """The metrics that Keras resets at each epoch."""
        return [self._mean_loss, self._mean_accuracy]

    def put_order(self, rows: np.ndarray) -> None:
        """Put in which example stands at each position of the coming epoch, rows [positions, 1 or 4]."""
        padded = np.zeros(self._order.shape, np.int32)
        padded[: len(rows)] = rows
        self._order.assign(padded)

    def train_step(self, chunk: Any) -> dict[str, Any]:
        """Run steps `first` to `first + count` of the epoch; stop at the first loss that is not finite."""
        first, count = chunk

        def goes_on(step: Any, loss: Any, correct: Any, diverged: Any) -> Any:
            del loss, correct
            return (step < first + count) & (diverged < 0)

        def run(step: Any, loss_sum: Any, correct: Any, diverged: Any) -> tuple[Any, ...]:
            images, labels = self._batch(step)
            with tf.GradientTape() as tape:
                logits = self(images, training=True)
                loss = tf.reduce_mean(_losses(labels, logits))
                if self.losses:
                    loss += tf.add_n(self.losses)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            right = tf.reduce_mean(tf.cast(_right(labels, logits), tf.float32))
            diverged = tf.where(tf.math.is_finite(loss), diverged, step)
            return step + 1, loss_sum + loss, correct + right, diverged

        zero = tf.constant(0.0)
        end, loss_sum, correct, diverged = tf.while_loop(goes_on, run, (first, zero, zero, tf.constant(-1)))
        self.diverged_at.assign(tf.where(self.diverged_at < 0, diverged, self.diverged_at))
        done = tf.cast(end - first, tf.float32)
        self._mean_loss.update_state(tf.math.divide_no_nan(loss_sum, done), sample_weight=done)
        self._mean_accuracy.update_state(tf.math.divide_no_nan(correct, done), sample_weight=done)
        return {metric.name: metric.result() for metric in self.metrics}

    def test_step(self, chunk: Any) -> dict[str, Any]:
        """Evaluate `count` batches of held-out data from batch `first` on; the loss is without weight decay."""
        first, count = chunk

        def run(batch: Any, loss_sum: Any, correct: Any, seen: Any) -> tuple[Any, ...]:
            images, labels, counts = self._held_out.batch(batch)
            logits = self(batches.normalise(images, self._dataset), training=False)
            loss_sum += tf.reduce_sum(_losses(labels, logits) * counts)
            correct += tf.reduce_sum(tf.cast(_right(labels, logits), tf.float32) * counts)
            return batch + 1, loss_sum, correct, seen + tf.reduce_sum(counts)

        zero = tf.constant(0.0)
        _, loss_sum, correct, seen = tf.while_loop(
            lambda batch, *_: batch < first + count, run, (first, zero, zero, zero)
        )
        self._mean_loss.update_state(loss_sum / seen, sample_weight=seen)
        self._mean_accuracy.update_state(correct / seen, sample_weight=seen)
        return {metric.name: metric.result() for metric in self.metrics}

    def chunk_of(self, split: str) -> Any:
        """Return the dataset over which `evaluate` sees the whole split, "validation" or "test"."""
        return chunks([self._held_out.ranges[split]])

    def _batch(self, step: Any) -> tuple[Any, Any]:
        rows = tf.slice(self._order, [step * self._batch_size, 0], [self._batch_size, self._order.shape[1]])
        images, labels = tf.gather(self._images, rows[:, 0]), tf.gather(self._labels, rows[:, 0])
        if self._augmented:
            images = batches.crop_and_flip(images, rows)
        return batches.normalise(images, self._dataset), labels


def chunks(pairs: list[tuple[int, int]]) -> Any:
    """Return a dataset of (first, count) pairs."""
    first, count = np.asarray(pairs, np.int32).T
    return tf.data.Dataset.from_tensor_slices((first, count))


class _HeldOut:
    """Validation and test images in one array of whole batches; what fills a split's last batch counts nothing."""

    def __init__(self, splits: Splits) -> None:
        parts = {"validation": splits.validation, "test": splits.test}
        self._size = min(_LARGEST_EVALUATION_BATCH, *(len(split.labels) for split in parts.values()))
        self.ranges: dict[str, tuple[int, int]] = {}
        images, labels, counts, batch = [], [], [], 0
        for name, split in parts.items():
            filled = -(-len(split.labels) // self._size)
            self.ranges[name] = (batch, filled)
            batch += filled
            padded = _fill(split, filled * self._size)
            images.append(padded.images)
            labels.append(padded.labels)
            counts.append(np.arange(filled * self._size) < len(split.labels))
        self._images = tf.constant(np.concatenate(images))
        self._labels = tf.constant(np.concatenate(labels))
        self._counts = tf.constant(np.concatenate(counts).astype(np.float32))

    def batch(self, index: Any) -> tuple[Any, Any, Any]:
        """Return images, labels, and 1 for what counts, of one batch."""
        begin = index * self._size
        images = tf.slice(self._images, [begin, 0, 0, 0], [self._size, *self._images.shape[1:]])
        return (
            images,
            tf.slice(self._labels, [begin], [self._size]),
            tf.slice(self._counts, [begin], [self._size]),
        )


def _fill(split: Split, size: int) -> Split:
    places = np.minimum(np.arange(size), len(split.labels) - 1)
    return Split(images=split.images[places], labels=split.labels[places])


def _losses(labels: Any, logits: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _right(labels: Any, logits: Any) -> Any:
    return tf.argmax(logits, axis=1, output_type=tf.int32) == labels
