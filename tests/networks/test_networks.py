import numpy as np
import pytest

from tf_lottery.lazy_tf import keras
from tf_lottery.networks.registry import NETWORKS, find
from tf_lottery.pruning.dead_units import dead_units
from tf_lottery.pruning.flops import flops
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.prunable import prunable

# Prunable weights, kernels, trainable parameters, published FLOPs of the dense network (None: not published).
COUNTS = {
    "resnet20": (271_152, 23, 272_762, 41_886_986),
    "resnet56": (851_760, 59, 856_058, 128_197_898),
    "resnet110": (1_722_672, 113, 1_731_002, 257_664_266),
    "lenet_300_100": (266_200, 3, 266_610, None),
    "lenet_5": (430_500, 4, 431_080, None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_published_networks(name):
    weights, kernels, trainable, published_flops = COUNTS[name]
    shape = (28, 28, 1) if name.startswith("lenet") else (32, 32, 3)
    model = find(name).build(shape=shape, classes=10, l2=0.0)
    arrays = [kernel for kernel in model.trainable_variables if "kernel" in kernel.name]
    assert (sum(int(np.prod(kernel.shape)) for kernel in arrays), len(arrays)) == (weights, kernels)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == trainable
    if published_flops:
        assert flops(model).dense == published_flops


@pytest.mark.parametrize("name", ["resnet8", "resnet14_x0.5", "resnet56"])
def test_all_kernels_of_a_resnet_are_prunable_and_known_without_building_it(name):
    network = find(name)
    model = prunable(network.build(shape=(32, 32, 3), classes=10, l2=0.0))
    shapes = {kernel: tuple(weights.shape) for kernel, weights, _ in prunable_kernels(model)}
    assert {"stem_conv/kernel", "stage_1_block_1_projection/kernel", "logits/kernel"} <= shapes.keys()
    assert shapes == network.kernel_shapes(shape=(32, 32, 3), classes=10)


@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_300_100_x0.3", "lenet_5", "lenet_5_x0.2"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (17, 20, 2), (9, 7, 3)])
def test_all_kernels_of_a_lenet_are_a_chain_and_known_without_building_it(name, shape):
    network = find(name)
    model = prunable(network.build(shape=shape, classes=4, l2=0.0))
    shapes = {kernel: tuple(weights.shape) for kernel, weights, _ in prunable_kernels(model)}
    assert network.kernel_shapes(shape=shape, classes=4) == shapes
    assert list(network.kernel_shapes(shape=shape, classes=4)) == list(shapes)  # in the order of the layers
    assert network.is_chain
    assert not dead_units({kernel: np.ones(shape, np.uint8) for kernel, shape in shapes.items()})


def test_lenet_5_is_caffes_with_rectified_convolutions():
    """Against its own formulas on one image: sums over windows, without a layer of Keras."""
    keras.utils.set_random_seed(1)
    model = find("lenet_5_x0.1").build(shape=(28, 28, 1), classes=10, l2=0.0)
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(2).normal(0, 0.3, variable.shape))
    x = image = np.random.default_rng(3).normal(size=(28, 28, 1))
    first, first_bias, second, second_bias, *dense = [variable.numpy() for variable in model.trainable_variables]
    for kernel, bias in ((first, first_bias), (second, second_bias)):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(0, 1))  # [y, x, channel, 5, 5]
        x = np.maximum(np.einsum("yxcij,ijco->yxo", windows, kernel) + bias, 0)
        x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
    assert x.shape == (4, 4, 5)
    hidden = np.maximum(x.ravel() @ dense[0] + dense[1], 0)
    assert model(image[None]).numpy()[0] == pytest.approx(hidden @ dense[2] + dense[3], rel=1e-4, abs=1e-4)


# Of a family that differs in depth only, the small ones.
@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - {f"resnet{depth}" for depth in (20, 32, 44, 56, 110)}))
def test_every_network_takes_any_shape_and_number_of_classes(name):
    for shape, classes in (((8, 8, 1), 10), ((9, 7, 3), 4)):
        model = find(name).build(shape=shape, classes=classes, l2=1e-4)
        assert model(np.zeros((2, *shape), np.float32)).shape == (2, classes)


def test_weight_decay_is_on_every_trainable_variable():
    for name in ("resnet8", "lenet_300_100", "lenet_5"):
        model = find(name).build(shape=(8, 8, 1), classes=10, l2=0.02)
        for variable in model.trainable_variables:  # so that no term is 0
            variable.assign(np.full(variable.shape, 0.5, np.float32))
        expected = sum(0.02 * 0.5**2 / 2 * np.prod(variable.shape) for variable in model.trainable_variables)
        assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_strided_convolutions_pad_both_sides_alike():
    # Keras' SAME pads an even size at the end only; the authors' networks pad one on each side.
    model = find("resnet8").build(shape=(8, 8, 1), classes=10, l2=0.0)
    layer = model.get_layer("stage_2_block_1_conv_1")
    before = keras.Model(model.input, model.get_layer("stage_2_block_1_conv_1_pad").output)
    padded = before(np.ones((1, 8, 8, 1), np.float32)).numpy()
    assert layer.padding == "valid"
    assert padded.shape[1:3] == (10, 10)
    assert not padded[0, [0, -1]].any()
    assert not padded[0, :, [0, -1]].any()


def test_constants_of_batch_norm_and_initialisers_are_the_authors():
    model = find("resnet20").build(shape=(32, 32, 3), classes=10, l2=0.0)
    norm = model.get_layer("stem_bn")
    assert (norm.momentum, norm.epsilon) == (0.997, 1e-5)
    kernel = model.get_layer("stage_3_block_3_conv_2").kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(1 / (9 * 64)), rel=0.02)  # fan-in, scale 1: not He's 2
    assert model.get_layer("logits").kernel.numpy().std() == pytest.approx(0.01, rel=0.15)  # 640 draws


def test_the_width_multiplies_filters():
    narrow = find("resnet20_x0.5").build(shape=(32, 32, 3), classes=10, l2=0.0)
    assert narrow.get_layer("stem_conv").filters == 8
    with pytest.raises(ValueError, match="width above 0"):
        find("resnet20_x0")
    with pytest.raises(ValueError, match="Did you mean 'resnet20'"):
        find("resnt20")


LAYERS = {
    "lenet_300_100": ["image", "flatten", "hidden_1", "hidden_2", "logits"],
    "lenet_5": ["image", "conv_1", "pool_1", "conv_2", "pool_2", "flatten", "hidden", "logits"],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_lenet_have_names_by_which_masks_and_figures_of_two_runs_are_the_same(name):
    for _ in range(2):  # of Keras' own, the second time's would be another
        model = find(name).build(shape=(8, 8, 1), classes=10, l2=0.0)
        assert [layer.name for layer in model.layers] == LAYERS[name]
