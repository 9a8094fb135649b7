"""VGG-19 for CIFAR-10 as in Frankle & Carbin 2019 (section 4), and as in their later code, open_lth."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.network import Network
from tf_lottery.networks.styles import LTH, OPEN_LTH, Style

_GROUPS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # filters, convolutions; 2x2 max-pools between


def vgg19(*, style: Style, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
    """Return VGG-19 as an uncompiled Keras model, images [batch, *shape] -> logits [batch, classes].

    16 3x3 convolutions, each with batch norm and ReLU, the average of each channel, one dense layer: 20,024,000
    prunable weights on 32x32x3 images.

    Args:
        style: Initialisation, batch norm, and whether convolutions have biases, which batch norm makes useless.
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies the number of filters; above 0.
    """
    decay = keras.regularizers.L2(l2 / 2) if l2 else None
    x = image = keras.Input(shape, name="image")
    number = 0
    for group, (filters, count) in enumerate(_GROUPS, 1):
        for _ in range(count):
            number += 1
            x = keras.layers.Conv2D(
                max(1, round(width * filters)),
                3,
                padding="same",
                use_bias=style.convolution_biases,
                kernel_initializer=style.kernel(),
                bias_initializer=style.bias(9 * x.shape[-1]),
                kernel_regularizer=decay,
                bias_regularizer=decay,
                name=f"conv_{number}",
            )(x)
            norm = {**style.batch_norm, "gamma_initializer": style.gamma()}
            x = keras.layers.BatchNormalization(
                gamma_regularizer=decay, beta_regularizer=decay, name=f"bn_{number}", **norm
            )(x)
            x = keras.layers.ReLU(name=f"relu_{number}")(x)
        if group < len(_GROUPS):  # "same" matters on odd sizes only
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{group}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    logits = keras.layers.Dense(
        classes,
        kernel_initializer=style.dense_kernel(),
        bias_initializer=style.bias(x.shape[-1]),
        kernel_regularizer=decay,
        bias_regularizer=decay,
        name="logits",
    )(x)
    return keras.Model(image, logits, name="vgg19")


def kernel_shapes(*, shape: tuple[int, ...], classes: int, width: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `vgg19` by its name."""
    filters = [shape[-1], *(max(1, round(width * each)) for each, count in _GROUPS for _ in range(count))]
    shapes: dict[str, tuple[int, ...]] = {
        f"conv_{number}/kernel": (3, 3, *pair) for number, pair in enumerate(pairwise(filters), 1)
    }
    return shapes | {"logits/kernel": (filters[-1], classes)}


NETWORKS = {
    name: Network(
        build=partial(vgg19, style=style),
        has_convolutions=True,
        multiply_adds_per_pixel=390_000,
        kernel_shapes=kernel_shapes,
    )
    for name, style in (("vgg19", LTH), ("open_lth_vgg19", OPEN_LTH))
}
