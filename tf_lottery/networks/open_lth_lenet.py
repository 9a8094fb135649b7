"""LeNet-300-100 as facebookresearch/open_lth initialises it (models/mnist_lenet.py)."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.lenet import lenet_300_100_shapes
from tf_lottery.networks.network import Network
from tf_lottery.networks.styles import OPEN_LTH


def open_lth_lenet_300_100(*, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0) -> Any:
    """Return it as an uncompiled Keras model, images [batch, *shape] -> logits [batch, classes].

    The layers of `lenet_300_100`; He's normal kernels, not truncated, and biases uniform by the layer's inputs.

    Args:
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable.
        width: Multiplies the units of the hidden layers; above 0.
    """
    decay = keras.regularizers.L2(l2 / 2) if l2 else None
    image = keras.Input(shape, name="image")
    x = keras.layers.Flatten(name="flatten")(image)
    for name, (inputs, units) in lenet_300_100_shapes(shape=shape, classes=classes, width=width).items():
        layer = name.partition("/")[0]
        x = keras.layers.Dense(
            units,
            None if layer == "logits" else "relu",
            kernel_initializer=OPEN_LTH.dense_kernel(),
            bias_initializer=OPEN_LTH.bias(inputs),
            kernel_regularizer=decay,
            bias_regularizer=decay,
            name=layer,
        )(x)
    return keras.Model(image, x, name="open_lth_lenet_300_100")


NETWORKS = {
    "open_lth_lenet_300_100": Network(
        build=open_lth_lenet_300_100,
        has_convolutions=False,
        multiply_adds_per_pixel=340,
        kernel_shapes=lenet_300_100_shapes,
        is_chain=True,
    ),
}
