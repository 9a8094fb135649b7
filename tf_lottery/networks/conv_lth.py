"""Conv-2, Conv-4 and Conv-6: the small convolutional networks of Frankle & Carbin 2019 (Figure 2) for CIFAR-10."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.network import Network

_FILTERS = (64, 64, 128, 128, 256, 256)  # of the convolutions; a 2x2 max-pool after each pair
_UNITS = (256, 256)


def conv_lth(*, convolutions: int, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
    """Return the network with so many convolutions as an uncompiled Keras model, images [batch, *shape] -> logits.

    3x3 convolutions with biases, SAME, ReLU; two hidden dense layers of 256. Glorot normal kernels, biases 0. On
    32x32x3 images 4,300,992, 2,425,024 and 2,261,184 weights are prunable. Of Conv-6 the paper's table says 1.7
    million, to which its layers do not add up: 1.1 million in convolutions, as there, and as many in dense layers.

    Args:
        convolutions: 2, 4 or 6.
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies filters and hidden units; above 0.
    """
    decay = keras.regularizers.L2(l2 / 2) if l2 else None
    settings = {"kernel_initializer": "glorot_normal", "kernel_regularizer": decay, "bias_regularizer": decay}
    x = image = keras.Input(shape, name="image")
    for number, filters in enumerate(_scaled(_FILTERS[:convolutions], width), 1):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}", **settings)(x)
        if number % 2 == 0:  # "same" matters on odd sizes only
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{number // 2}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, units in enumerate(_scaled(_UNITS, width), 1):
        x = keras.layers.Dense(units, "relu", name=f"hidden_{number}", **settings)(x)
    logits = keras.layers.Dense(classes, name="logits", **settings)(x)
    return keras.Model(image, logits, name=f"conv{convolutions}")


def kernel_shapes(
    *, convolutions: int, shape: tuple[int, ...], classes: int, width: float = 1.0
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `conv_lth` by its name."""
    filters = [shape[-1], *_scaled(_FILTERS[:convolutions], width)]
    shapes: dict[str, tuple[int, ...]] = {
        f"conv_{number}/kernel": (3, 3, *pair) for number, pair in enumerate(pairwise(filters), 1)
    }
    height, columns = (-(-side // 2 ** (convolutions // 2)) for side in shape[:2])
    units = [height * columns * filters[-1], *_scaled(_UNITS, width), classes]
    names = ("hidden_1", "hidden_2", "logits")
    return shapes | {f"{name}/kernel": pair for name, pair in zip(names, pairwise(units), strict=True)}


def _scaled(counts: tuple[int, ...], width: float) -> list[int]:
    return [max(1, round(width * count)) for count in counts]


NETWORKS = {
    f"conv{count}": Network(
        build=partial(conv_lth, convolutions=count),
        has_convolutions=True,
        multiply_adds_per_pixel=multiply_adds,
        kernel_shapes=partial(kernel_shapes, convolutions=count),
        is_chain=True,
    )
    for count, multiply_adds in ((2, 43_000), (4, 96_000), (6, 150_000))
}
