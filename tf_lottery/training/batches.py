"""Batches made inside the compiled step, from images that lie in memory as they were read."""

from __future__ import annotations

from typing import Any

from tf_lottery.datasets.dataset import Dataset
from tf_lottery.lazy_tf import tf
from tf_lottery.training.order import PADDING


def normalise(images: Any, dataset: Dataset) -> Any:
    """Return uint8 images [batch, height, width, channels] as the float32 that the network sees."""
    values = tf.cast(images, tf.float32)
    if dataset.normalisation == "mean_std":
        return (values / dataset.peak - dataset.mean) / dataset.std
    # tf.image.per_image_standardization, as in the authors' code, but for its trouble with XLA.
    size = float(values.shape[1] * values.shape[2] * values.shape[3])
    mean = tf.reduce_mean(values, axis=[1, 2, 3], keepdims=True)
    std = tf.sqrt(tf.reduce_mean(tf.square(values - mean), axis=[1, 2, 3], keepdims=True))
    return (values - mean) / tf.maximum(std, 1.0 / size**0.5)


def pad(images: Any) -> Any:
    """Return images with a black border of 4 pixels, to be cropped by `crop_and_flip`."""
    border = (PADDING, PADDING)
    return tf.pad(images, ((0, 0), border, border, (0, 0)))


def crop_and_flip(padded: Any, rows: Any) -> Any:
    """Return crops of the size before padding.

    Args:
        padded: [batch, height + 8, width + 8, channels].
        rows: [batch, 4] as of `order.positions`: example, top, left, 1 to flip.
    """
    height, width = padded.shape[1] - 2 * PADDING, padded.shape[2] - 2 * PADDING
    cropped = tf.gather(padded, rows[:, 1:2] + tf.range(height), axis=1, batch_dims=1)
    across = tf.range(width)
    columns = rows[:, 2:3] + tf.where(rows[:, 3:4] == 1, width - 1 - across, across)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)
