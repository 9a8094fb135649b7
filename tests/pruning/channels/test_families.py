"""The families of `keras.applications`, random weights, half of the weights by whole channels.

Four of them in every run; with THOROUGH=1 in the environment all, which takes minutes.
"""

import os

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.cloning import flat_layers

# The least side of an image that the network takes, from 64 on, and which kinds of layers are barriers in it.
FAMILIES = {
    "ConvNeXtTiny": (64, {"LayerNormalization", "LayerScale", "Normalization"}),
    "DenseNet121": (64, set()),
    "EfficientNetB0": (64, {"Normalization"}),
    "EfficientNetV2B0": (64, {"Normalization"}),
    "InceptionResNetV2": (75, {"CustomScaleLayer"}),
    "InceptionV3": (75, set()),
    "MobileNet": (64, set()),
    "MobileNetV2": (64, set()),
    "MobileNetV3Small": (64, set()),
    "NASNetMobile": (64, set()),
    "RegNetX002": (64, set()),
    "ResNet50": (64, set()),
    "ResNet50V2": (64, set()),
    "ResNetRS50": (64, {"Normalization"}),
    "VGG16": (64, set()),
    "Xception": (71, set()),
}


# One for each kind of join: depthwise, residual with pre-activation, squeeze and excite, barriers.
FEW = ("MobileNetV2", "ResNet50V2", "EfficientNetB0", "ConvNeXtTiny")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES if os.environ.get("THOROUGH") else FEW)
def test_a_family_pruned_to_half_by_groups_shrinks_to_what_its_masks_left(family):
    side, barriers = FAMILIES[family]
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, family)(weights=None, input_shape=(side, side, 3), classes=10)
    generator = np.random.default_rng(0)
    for weight in network.weights:  # shifts and statistics of channels that go are anything but 0
        if "variance" in weight.name or "gamma" in weight.name:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
        elif len(weight.shape) == 1 and "normalization" not in weight.name:
            weight.assign(generator.normal(0, 0.1, weight.shape))
    model = tl.prunable(network)
    report = tl.prune(model, 0.5, heuristic="group_magnitude")
    _, shrunk = tl.shrink(model)  # raises if outputs differ
    print(f"\n{family}: density {report.density:.3f}, {shrunk.parameters_after / shrunk.parameters_before:.3f} of the "
          f"parameters, {shrunk.flops_after.dense / shrunk.flops_before.dense:.3f} of the FLOPs, outputs differ by "
          f"{shrunk.largest_difference:.1e}")  # fmt: skip
    assert abs(report.density - 0.5) < 0.05
    assert shrunk.parameters_after < 0.62 * shrunk.parameters_before
    kinds = {layer.name: type(layer).__name__ for layer in flat_layers(network)}
    assert {kinds[name] for name in shrunk.barriers} == barriers
