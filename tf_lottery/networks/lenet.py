"""LeNet-300-100: two hidden dense layers, as in LeCun et al. 1998, Han et al. 2015, Frankle & Carbin 2019."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.network import Network


def lenet_300_100(*, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
    """Return LeNet-300-100 as an uncompiled Keras model, images [batch, *shape] -> logits [batch, classes].

    266,200 prunable weights on 28x28 images. Glorot normal kernels (Frankle & Carbin 2019, appendix).

    Args:
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies the units of the hidden layers; above 0.
    """
    decay = keras.regularizers.L2(l2 / 2) if l2 else None
    settings = {"kernel_initializer": "glorot_normal", "kernel_regularizer": decay, "bias_regularizer": decay}
    image = keras.Input(shape, name="image")
    flat = keras.layers.Flatten(name="flatten")(image)
    hidden = keras.layers.Dense(max(1, round(300 * width)), "relu", name="hidden_1", **settings)(flat)
    hidden = keras.layers.Dense(max(1, round(100 * width)), "relu", name="hidden_2", **settings)(hidden)
    logits = keras.layers.Dense(classes, name="logits", **settings)(hidden)
    return keras.Model(image, logits, name="lenet_300_100")


def lenet_300_100_shapes(*, shape: tuple[int, ...], classes: int, width: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `lenet_300_100` by its name."""
    first, second = (max(1, round(units * width)) for units in (300, 100))
    return {
        "hidden_1/kernel": (shape[0] * shape[1] * shape[2], first),
        "hidden_2/kernel": (first, second),
        "logits/kernel": (second, classes),
    }


NETWORKS = {
    "lenet_300_100": Network(
        build=lenet_300_100,
        has_convolutions=False,
        multiply_adds_per_pixel=340,
        kernel_shapes=lenet_300_100_shapes,
    ),
}
