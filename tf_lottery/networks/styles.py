"""How networks of one layout differ by their source: initialisation, batch norm, projections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tf_lottery.lazy_tf import keras


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a source does with every layer."""

    kernel: Callable[[], Any]  # initializer of convolutions
    dense_kernel: Callable[[], Any]
    gamma: Callable[[], Any]
    bias: Callable[[int], Any]  # by the layer's inputs
    batch_norm: Mapping[str, float]
    first_projection: bool  # whether the first stage of a ResNet begins with one, where nothing changes its size
    convolution_biases: bool  # of VGG


def _zeros(inputs: int) -> Any:
    del inputs
    return keras.initializers.Zeros()


def _he_normal() -> Any:
    # Not Keras' he_normal, which is truncated: torch's kaiming_normal_ is not.
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def _torch_bias(inputs: int) -> Any:
    """Return the uniform distribution of torch's Linear and Conv2d, which open_lth leaves as it is."""
    return keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5)


# Renda et al.'s code, gpu-src/official/resnet. Scale 1, not He's 2: TF1's variance_scaling_initializer() as it is.
AUTHORS = Style(
    kernel=lambda: keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal"),
    dense_kernel=lambda: keras.initializers.RandomNormal(stddev=0.01),
    gamma=lambda: keras.initializers.Ones(),
    bias=_zeros,
    batch_norm={"momentum": 0.997, "epsilon": 1e-5},
    first_projection=True,
    convolution_biases=False,
)
# Frankle & Carbin 2019: Gaussian Glorot. Of batch norm the paper says nothing: momentum and epsilon are ours.
LTH = Style(
    kernel=lambda: keras.initializers.GlorotNormal(),
    dense_kernel=lambda: keras.initializers.GlorotNormal(),
    gamma=lambda: keras.initializers.Ones(),
    bias=_zeros,
    batch_norm={"momentum": 0.9, "epsilon": 1e-5},
    first_projection=False,
    convolution_biases=False,
)
# facebookresearch/open_lth, models/ and the defaults of its experiments: kaiming_normal, batchnorm_init "uniform".
OPEN_LTH = Style(
    kernel=_he_normal,
    dense_kernel=_he_normal,
    gamma=lambda: keras.initializers.RandomUniform(0.0, 1.0),
    bias=_torch_bias,
    batch_norm={"momentum": 0.9, "epsilon": 1e-5},
    first_projection=False,
    convolution_biases=True,
)
