"""`Masked` around a single layer, new or trained."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


def held(wrapper):
    """Return whether an optimizer's step leaves every pruned weight at 0."""
    for _, mask, _ in wrapper.pruning_vars:
        mask.assign(tf.reshape(tf.cast(tf.range(tf.size(mask)) % 2, mask.dtype), mask.shape))
    weights = [weight for weight, _, _ in wrapper.pruning_vars]
    keras.optimizers.SGD(0.1, momentum=0.9).apply_gradients([(tf.ones_like(weight), weight) for weight in weights])
    return all(np.array_equal(weight.numpy() != 0, mask.numpy() != 0) for weight, mask, _ in wrapper.pruning_vars)


def test_a_trained_layer_keeps_its_weights_and_the_model_it_comes_from_does_not_change():
    model = keras.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])
    before = model(X).numpy()
    wrappers = [tl.Masked(layer) for layer in model.layers]
    assert [array.tobytes() for array in wrappers[0].get_weights()] == [
        array.tobytes() for array in model.layers[0].get_weights()
    ]
    pruned = keras.Sequential(wrappers)
    assert np.array_equal(pruned(X), before)
    tl.prune(pruned, 0.4)
    pruned.compile(keras.optimizers.Adam(0.1), "mse")
    pruned.fit(X, np.ones((12, 2)), verbose=0)
    assert np.array_equal(model(X), before)
    assert np.count_nonzero(prunable_kernels(pruned)[0][1]) + np.count_nonzero(prunable_kernels(pruned)[1][1]) == 7
    assert tl.density(pruned) == 7 / 18


def test_the_original_may_be_trained_on_without_the_wrapper():
    layer = layers.Dense(3)
    before = layer(X).numpy()
    wrapper = tl.Masked(layer)
    layer.kernel.assign(layer.kernel * 0)
    assert np.array_equal(wrapper(X), before)


def test_in_place_it_is_the_layer_itself():
    layer = layers.Dense(3)
    layer(X)
    wrapper = tl.Masked(layer, in_place=True)
    wrapper(X)
    assert wrapper.layer is layer
    assert wrapper.pruning_vars[0][0] is layer.kernel
    assert held(wrapper)


def test_a_layer_that_is_built_between_wrapping_and_the_first_call_is_held():
    layer = layers.Dense(3)
    wrapper = tl.Masked(layer)
    layer.build((None, 4))
    before = layer.kernel.numpy()
    assert np.array_equal(wrapper(X), X @ before)
    assert held(wrapper)


def test_a_layer_that_tfmot_has_wrapped_before_is_copied_with_weights_of_its_own():
    first = tl.Masked(layers.Dense(3))
    first(X)
    again = tl.Masked(first.layer)
    assert again.pruning_vars[0][0] is again.layer.kernel is not first.layer.kernel
    assert held(again)
    assert first.layer.kernel.numpy().all()


def test_the_wrapper_has_the_layers_name_and_attributes():
    wrapper = tl.Masked(layers.Dense(3, name="head", trainable=False))
    wrapper(X)
    assert (wrapper.name, wrapper.units, wrapper.kernel.shape, wrapper.trainable) == ("head", 3, (4, 3), False)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        wrapper.nothing_of_the_kind  # noqa: B018 - the access is what is tried


def test_an_attention_layer_can_be_wrapped_before_its_first_call():
    wrapper = tl.Masked(layers.MultiHeadAttention(2, 3))
    query, value = X[:, None, :], np.ones((12, 5, 6), np.float32)
    assert wrapper(query, value).shape == (12, 1, 4)
    assert len(wrapper.pruning_vars) == 4
    assert held(wrapper)


def test_the_wrapper_says_which_steps_count_as_its_layer_does():
    tokens = np.array([[1, 2, 0]])
    assert tl.Masked(layers.Embedding(4, 2, mask_zero=True)).compute_mask(tokens).numpy().tolist() == [
        [True, True, False]
    ]
    assert not tl.Masked(layers.Embedding(4, 2)).compute_mask(tokens)
    assert tl.Masked(layers.Dense(2)).supports_masking


def test_a_layer_computes_in_its_own_precision():
    x = np.random.default_rng(0).normal(size=(3, 4))
    layer = layers.Dense(2, dtype="float64")
    assert np.array_equal(tl.Masked(layer)(x), layer(x))
    assert layer(x).dtype == tf.float64
