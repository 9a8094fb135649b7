"""LeNet-300-100 and LeNet-5, as in LeCun et al. 1998, Han et al. 2015, Frankle & Carbin 2019."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.network import Network

_SMALLEST_VALID = 16  # pixels: below, two convolutions of 5x5 without padding leave nothing


def lenet_300_100(*, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0, dropout: float = 0.0) -> Any:
    """Return LeNet-300-100 as an uncompiled Keras model, images [batch, *shape] -> logits [batch, classes].

    266,200 prunable weights on 28x28 images. Glorot normal kernels (Frankle & Carbin 2019, appendix).

    Args:
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies the units of the hidden layers; above 0.
        dropout: Share of the units of hidden layers that a step in training drops, in [0, 1).
    """
    settings = _settings(l2)
    image = keras.Input(shape, name="image")
    flat = keras.layers.Flatten(name="flatten")(image)
    hidden = keras.layers.Dense(_scaled(300, width), "relu", name="hidden_1", **settings)(flat)
    hidden = _dropped(hidden, dropout, after="hidden_1")
    hidden = keras.layers.Dense(_scaled(100, width), "relu", name="hidden_2", **settings)(hidden)
    hidden = _dropped(hidden, dropout, after="hidden_2")
    logits = keras.layers.Dense(classes, name="logits", **settings)(hidden)
    return keras.Model(image, logits, name="lenet_300_100")


def lenet_300_100_shapes(*, shape: tuple[int, ...], classes: int, width: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `lenet_300_100` by its name."""
    first, second = _scaled(300, width), _scaled(100, width)
    return {
        "hidden_1/kernel": (shape[0] * shape[1] * shape[2], first),
        "hidden_2/kernel": (first, second),
        "logits/kernel": (second, classes),
    }


def lenet_5(*, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0, dropout: float = 0.0) -> Any:
    """Return Caffe's LeNet-5 as an uncompiled Keras model, images [batch, *shape] -> logits [batch, classes].

    Two convolutions of 5x5, 20 and 50 maps, each with a maximum over 2x2, and 500 hidden units: 430,500 prunable
    weights on 28x28 images (Han et al. 2015, Table 4; Caffe's examples/mnist/lenet.prototxt). Convolutions are
    rectified, where Caffe's file has a rectifier after the hidden layer only: of Han et al.'s network 82% and 72% of
    the convolutions' outputs are not zero. Images below 16 pixels are padded, for nothing would be left of them.

    Args:
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies the maps and units of the hidden layers; above 0.
        dropout: Share of the units of the hidden dense layer that a step in training drops, in [0, 1).
    """
    settings = _settings(l2)
    x = image = keras.Input(shape, name="image")
    for place, maps in enumerate((20, 50), 1):
        x = keras.layers.Conv2D(
            _scaled(maps, width), 5, padding=_padding(shape), activation="relu", name=f"conv_{place}", **settings
        )(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool_{place}")(x)
    flat = keras.layers.Flatten(name="flatten")(x)
    hidden = keras.layers.Dense(_scaled(500, width), "relu", name="hidden", **settings)(flat)
    hidden = _dropped(hidden, dropout, after="hidden")
    logits = keras.layers.Dense(classes, name="logits", **settings)(hidden)
    return keras.Model(image, logits, name="lenet_5")


def lenet_5_shapes(*, shape: tuple[int, ...], classes: int, width: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `lenet_5` by its name."""
    first, second, hidden = (_scaled(units, width) for units in (20, 50, 500))
    lost = 4 if _padding(shape) == "valid" else 0
    height, wide = (((side - lost) // 2 - lost) // 2 for side in shape[:2])
    return {
        "conv_1/kernel": (5, 5, shape[2], first),
        "conv_2/kernel": (5, 5, first, second),
        "hidden/kernel": (height * wide * second, hidden),
        "logits/kernel": (hidden, classes),
    }


def _dropped(x: Any, rate: float, *, after: str) -> Any:
    if not rate:
        return x
    from tf_lottery.networks.dropout import AdjustableDropout  # a class of Keras', which takes TensorFlow

    return AdjustableDropout(rate, after=after, name=f"{after}_dropout")(x)


def _settings(l2: float) -> dict[str, Any]:
    decay = keras.regularizers.L2(l2 / 2) if l2 else None
    return {"kernel_initializer": "glorot_normal", "kernel_regularizer": decay, "bias_regularizer": decay}


def _scaled(units: int, width: float) -> int:
    return max(1, round(units * width))


def _padding(shape: tuple[int, ...]) -> str:
    return "valid" if min(shape[:2]) >= _SMALLEST_VALID else "same"


NETWORKS = {
    "lenet_300_100": Network(
        build=lenet_300_100,
        has_convolutions=False,
        multiply_adds_per_pixel=340,
        kernel_shapes=lenet_300_100_shapes,
        takes_dropout=True,
        is_chain=True,
    ),
    # 2.29 million multiply-adds on 784 pixels.
    "lenet_5": Network(
        build=lenet_5,
        has_convolutions=True,
        multiply_adds_per_pixel=2_900,
        kernel_shapes=lenet_5_shapes,
        takes_dropout=True,
        is_chain=True,
    ),
}
