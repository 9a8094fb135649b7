"""The CIFAR ResNets (He et al. 2016, v1) in the layout of the authors' code, and those of the lottery ticket papers.

Source of every constant: the authors' code, gpu-src/official/resnet (resnet_model.py, cifar10_main.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.network import Network
from tf_lottery.networks.styles import AUTHORS, LTH, OPEN_LTH, Style

_FILTERS = (16, 32, 64)
DEPTHS = (8, 14, 20, 32, 44, 56, 110)


class _Layers:
    """The layers of one network, with its weight decay on every trainable variable and names that say the place."""

    def __init__(self, l2: float, style: Style) -> None:
        self._decay = keras.regularizers.L2(l2 / 2) if l2 else None
        self._style = style

    def convolve(self, x: Any, filters: int, *, kernel: int, stride: int, name: str) -> Any:
        padding = "same"
        if stride > 1:
            # Symmetric explicit padding; Keras' SAME would pad only at the end on even sizes.
            before = (kernel - 1) // 2
            if kernel > 1:
                x = keras.layers.ZeroPadding2D((before, kernel - 1 - before), name=f"{name}_pad")(x)
            padding = "valid"
        return keras.layers.Conv2D(
            filters,
            kernel,
            stride,
            padding,
            use_bias=False,
            kernel_initializer=self._style.kernel(),
            kernel_regularizer=self._decay,
            name=name,
        )(x)

    def normalise(self, x: Any, *, name: str) -> Any:
        return keras.layers.BatchNormalization(
            **self._style.batch_norm,
            gamma_initializer=self._style.gamma(),
            gamma_regularizer=self._decay,
            beta_regularizer=self._decay,
            name=name,
        )(x)

    def rectify(self, x: Any, *, name: str) -> Any:
        return keras.layers.ReLU(name=name)(x)

    def block(self, x: Any, filters: int, *, stride: int, project: bool, name: str) -> Any:
        shortcut = x
        if project:
            shortcut = self.convolve(x, filters, kernel=1, stride=stride, name=f"{name}_projection")
            shortcut = self.normalise(shortcut, name=f"{name}_projection_bn")
        x = self.convolve(x, filters, kernel=3, stride=stride, name=f"{name}_conv_1")
        x = self.rectify(self.normalise(x, name=f"{name}_bn_1"), name=f"{name}_relu_1")
        x = self.convolve(x, filters, kernel=3, stride=1, name=f"{name}_conv_2")
        x = self.normalise(x, name=f"{name}_bn_2")
        return self.rectify(keras.layers.Add(name=f"{name}_add")([x, shortcut]), name=f"{name}_relu_2")

    def classify(self, x: Any, classes: int) -> Any:
        x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
        return keras.layers.Dense(
            classes,
            kernel_initializer=self._style.dense_kernel(),
            bias_initializer=self._style.bias(x.shape[-1]),
            kernel_regularizer=self._decay,
            bias_regularizer=self._decay,
            name="logits",
        )(x)


def resnet_cifar(
    *, depth: int, style: Style = AUTHORS, shape: tuple[int, ...], classes: int, l2: float, width: float = 1.0
) -> Any:
    """Return the ResNet of this depth as an uncompiled Keras model, images [batch, *shape] -> logits.

    The first block of every stage has a projection, stage 1 included, as in the authors' code: 271,152 prunable
    weights for ResNet-20 on 32x32x3 images. Without that projection, as in the lottery ticket papers, it has 270,896.

    Args:
        depth: 6 n + 2, n blocks in each of the 3 stages.
        style: Initialisation, batch norm, and whether stage 1 begins with a projection.
        shape: Of one image: height, width, channels.
        classes: 2 or more.
        l2: Coefficient of sum(w^2) / 2 over every trainable variable, BN's and the bias included.
        width: Multiplies the number of filters; above 0.
    """
    layers = _Layers(l2, style)
    filters = _filters(width)
    image = keras.Input(shape, name="image")
    x = layers.convolve(image, filters[0], kernel=3, stride=1, name="stem_conv")
    x = layers.rectify(layers.normalise(x, name="stem_bn"), name="stem_relu")
    for stage, count in enumerate(filters, 1):
        for block in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            project = block == 1 and (stage > 1 or style.first_projection)
            x = layers.block(x, count, stride=stride, project=project, name=f"stage_{stage}_block_{block}")
    return keras.Model(image, layers.classify(x, classes), name=f"resnet{depth}")


def kernel_shapes(
    *, depth: int, style: Style = AUTHORS, shape: tuple[int, ...], classes: int, width: float = 1.0
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every kernel of `resnet_cifar` by its name."""
    filters = _filters(width)
    shapes: dict[str, tuple[int, ...]] = {"stem_conv/kernel": (3, 3, shape[-1], filters[0])}
    before = filters[0]
    for stage, count in enumerate(filters, 1):
        for block in range(1, (depth - 2) // 6 + 1):
            name = f"stage_{stage}_block_{block}"
            if block == 1 and (stage > 1 or style.first_projection):
                shapes[f"{name}_projection/kernel"] = (1, 1, before, count)
            shapes[f"{name}_conv_1/kernel"] = (3, 3, before, count)
            shapes[f"{name}_conv_2/kernel"] = (3, 3, count, count)
            before = count
    return shapes | {"logits/kernel": (before, classes)}


def _filters(width: float) -> list[int]:
    return [max(1, round(width * count)) for count in _FILTERS]


def _network(depth: int, style: Style = AUTHORS) -> Network:
    # 41.1 million multiply-adds for ResNet-20 on 1,024 pixels; each block costs about the same.
    return Network(
        build=partial(resnet_cifar, depth=depth, style=style),
        has_convolutions=True,
        multiply_adds_per_pixel=40_000 * (depth - 2) / 18,
        kernel_shapes=partial(kernel_shapes, depth=depth, style=style),
    )


NETWORKS = {
    **{f"resnet{depth}": _network(depth) for depth in DEPTHS},
    "lth_resnet18": _network(20, LTH),  # so called there; 20 layers have weights
    "open_lth_resnet20": _network(20, OPEN_LTH),
}
