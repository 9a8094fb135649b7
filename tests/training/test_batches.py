import numpy as np
import pytest

from tf_lottery.datasets.known import DATASETS
from tf_lottery.lazy_tf import tf
from tf_lottery.training import batches

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)


def test_images_are_standardised_as_tensorflow_does_it():
    IMAGES[0] = 7  # a constant image: the deviation is bounded from below
    ours = batches.normalise(tf.constant(IMAGES), DATASETS["cifar10"]).numpy()
    theirs = tf.image.per_image_standardization(tf.cast(IMAGES, tf.float32)).numpy()
    assert np.abs(ours - theirs).max() < 1e-5  # sums in another order


def test_grey_images_get_mean_and_deviation_of_the_training_set():
    row = DATASETS["mnist"]
    ours = batches.normalise(tf.constant(IMAGES[..., :1]), row).numpy()
    assert ours == pytest.approx((IMAGES[..., :1] / 255 - 0.1307) / 0.3081, abs=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_crops_and_flips_are_what_slices_of_the_padded_image_are(compiled):
    rows = np.array([[0, 0, 0, 0], [0, 8, 8, 1], [0, 4, 4, 0], [0, 4, 4, 1], [0, 1, 7, 0], [0, 3, 5, 1]], np.int32)
    padded = np.pad(IMAGES, ((0, 0), (4, 4), (4, 4), (0, 0)))
    assert np.array_equal(batches.pad(tf.constant(IMAGES)).numpy(), padded)
    crop = tf.function(batches.crop_and_flip, jit_compile=True) if compiled else batches.crop_and_flip
    ours = crop(tf.constant(padded), tf.constant(rows)).numpy()
    for image, (_, top, left, flip), got in zip(padded, rows, ours, strict=True):
        expected = image[top : top + 32, left : left + 32]
        assert np.array_equal(got, expected[:, ::-1] if flip else expected)


def test_images_that_are_no_squares_are_cropped_to_their_own_size():
    images = IMAGES[:2, :20]  # lower than wide
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    rows = np.array([[0, 4, 4, 0], [1, 8, 0, 1]], np.int32)
    ours = batches.crop_and_flip(tf.constant(padded), tf.constant(rows)).numpy()
    assert np.array_equal(ours[0], images[0])
    assert np.array_equal(ours[1], padded[1, 8:28, 0:32][:, ::-1])


def test_colours_get_mean_and_deviation_of_their_own():
    ours = batches.normalise(tf.constant(IMAGES), DATASETS["cifar10_45000"]).numpy()
    for channel, (mean, std) in enumerate(((0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616))):
        assert ours[..., channel] == pytest.approx((IMAGES[..., channel] / 255 - mean) / std, abs=1e-5)
