"""What is collected, beside the same worked out in NumPy."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.collector import Collector
from tf_lottery.pruning.criterion import CannotCollectError, Examples
from tf_lottery.pruning.examples import drawn_from
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
GENERATOR = np.random.default_rng(3)
X = GENERATOR.normal(size=(12, 4)).astype(np.float32)
Y = GENERATOR.integers(0, 3, 12)
BATCHES = [slice(0, 4), slice(4, 8), slice(8, 12)]


def in_order(count):
    return X[:count], Y[:count]


@pytest.fixture(scope="module")
def softmax_regression():
    keras.utils.set_random_seed(5)
    model = tl.prunable(keras.Sequential([layers.Dense(3, input_shape=(4,))]))
    return model, Collector(model, find_loss=lambda: LOSS, draw=in_order, seed=1)


def collect(pair, quantity, **examples):
    model, collector = pair
    (found,) = collector(quantity, Examples(**({"count": 12, "batch": 4} | examples)), tl.masks(model)).values()
    return found


def by_hand(model):
    """Return kernel, and for a batch: its gradient and a function of V that gives its Hessian times V."""
    kernel, bias = (weight.numpy().astype(np.float64) for weight in model.layers[0].layer.weights)

    def of(batch):
        x, one_hot = X[batch].astype(np.float64), np.eye(3)[Y[batch]]
        logits = x @ kernel + bias
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)

        def hessian_times(v):
            moved = x @ v
            return x.T @ (p * (moved - (p * moved).sum(1, keepdims=True))) / len(x)

        return x.T @ (p - one_hot) / len(x), hessian_times, np.square(x).T @ (p * (1 - p)) / len(x)

    return kernel, of


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-7)


def test_gradients_are_averaged_over_batches_before_or_after_they_are_squared(softmax_regression):
    _, of = by_hand(softmax_regression[0])
    close(collect(softmax_regression, "gradient"), np.mean([of(batch)[0] for batch in BATCHES], axis=0))
    close(collect(softmax_regression, "squared_gradient"), np.mean([of(batch)[0] ** 2 for batch in BATCHES], axis=0))
    each = [slice(place, place + 1) for place in range(12)]
    expected = np.mean([of(one)[0] ** 2 for one in each], axis=0)
    close(collect(softmax_regression, "squared_gradient", batch=1), expected)


def test_second_order_quantities_use_the_exact_hessian(softmax_regression):
    kernel, of = by_hand(softmax_regression[0])
    gradient_flow, second_order = [], []
    for batch in BATCHES:
        gradient, hessian_times, _ = of(batch)
        gradient_flow.append(hessian_times(gradient))
        second_order.append((kernel * gradient - kernel * hessian_times(kernel) / 2) ** 2)
    close(collect(softmax_regression, "hessian_gradient"), np.mean(gradient_flow, axis=0))
    close(collect(softmax_regression, "second_order"), np.mean(second_order, axis=0))


def test_the_diagonal_of_the_hessian_is_estimated_without_bias(softmax_regression):
    model, _ = softmax_regression
    _, of = by_hand(model)
    many = Collector(model, find_loss=lambda: LOSS, draw=lambda count: (np.tile(X, (100, 1)), np.tile(Y, 100)), seed=7)
    estimate, expected = collect((model, many), "hessian_diagonal", count=1200, batch=12), of(slice(0, 12))[2]
    np.testing.assert_allclose(estimate, expected, atol=0.1)
    one_draw = collect(
        (model, Collector(model, find_loss=lambda: LOSS, draw=in_order, seed=0)), "hessian_diagonal", batch=12
    )
    assert np.abs(one_draw - expected).max() > 0.1  # it is an average of many that comes near


def test_a_diagonal_hessian_is_found_exactly():
    """Inputs with one number each, and a squared error: no weight meets another."""
    model = tl.prunable(keras.Sequential([layers.Dense(1, use_bias=False, input_shape=(3,))]))
    x = np.diag([1.0, 2.0, 3.0]).astype(np.float32)
    collector = Collector(
        model, find_loss=keras.losses.MeanSquaredError, draw=lambda count: (x, np.ones((3, 1))), seed=0
    )
    # The mean of (w_i x_i - 1)^2 over three examples: 2 x_i^2 / 3.
    close(collect((model, collector), "hessian_diagonal", count=3, batch=3), [[2 / 3], [8 / 3], [6.0]])


def test_what_is_left_over_is_left_out_and_fewer_examples_than_asked_for_are_all_taken(softmax_regression):
    _, of = by_hand(softmax_regression[0])
    close(collect(softmax_regression, "gradient", batch=5), np.mean([of(slice(0, 5))[0], of(slice(5, 10))[0]], axis=0))
    close(collect(softmax_regression, "gradient", count=1000, batch=100), of(slice(0, 12))[0])


@pytest.fixture(scope="module")
def convolutional():
    keras.utils.set_random_seed(6)
    image = keras.Input((6, 6, 2))
    hidden = layers.Conv2D(3, 3, use_bias=False)(image)
    hidden = layers.Activation("tanh")(layers.BatchNormalization()(hidden))
    hidden = layers.Conv2D(4, 2, activation="tanh")(hidden)
    model = tl.prunable(keras.Model(image, layers.Dense(3)(layers.Flatten()(hidden))))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    x = np.random.default_rng(1).normal(0.2, 1, (24, 6, 6, 2)).astype(np.float32)
    model.fit(x, Y.repeat(2), epochs=2, verbose=0)
    return model, x


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("quantity", ["gradient", "hessian_gradient"])
def test_they_are_the_derivatives_of_the_loss_under_the_candidate_masks(convolutional, quantity, mode):
    """Beside central differences of the loss, of one weight in each kernel; batch norm in either mode."""
    model, x = convolutional
    y = Y.repeat(2)
    collector = Collector(model, find_loss=lambda: LOSS, draw=lambda count: (x, y), seed=0)
    masks = {name: mask.copy() for name, mask in tl.masks(model).items()}
    for mask in masks.values():
        mask.reshape(-1)[::3] = 0
    before = [weight.numpy() for weight in model.weights]
    found = collector(quantity, Examples(count=24, batch=24, mode=mode), masks)
    assert all(np.array_equal(weight.numpy(), values) for weight, values in zip(model.weights, before, strict=True))

    other = tl.prunable(model)
    tl.set_masks(other, masks)
    kernels = prunable_kernels(other)

    def gradients():
        with tf.GradientTape() as tape:
            loss = LOSS(y, other(x, training=mode == "training"))
        return [each.numpy() for each in tape.gradient(loss, [weight for _, weight, _ in kernels])]

    expected = gradients()
    if quantity == "hessian_gradient":
        values = [weight.numpy() for _, weight, _ in kernels]
        step = 5e-4 / np.sqrt(sum(np.square(each).sum() for each in expected))
        sides = []
        for sign in (1, -1):
            for (_, weight, _), value, gradient in zip(kernels, values, expected, strict=True):
                weight.assign(value + sign * step * gradient)
            sides.append(gradients())
        expected = [(plus - minus) / (2 * step) for plus, minus in zip(*sides, strict=True)]
    for (name, _, _), one in zip(kernels, expected, strict=True):
        np.testing.assert_allclose(found[name], one, rtol=0.02, atol=0.02 * np.abs(one).max())


def test_synaptic_flow_by_hand():
    """Two dense layers and a batch norm: R is a sum over paths of the products of absolute weights."""
    image = keras.Input((2,))
    hidden = layers.BatchNormalization(epsilon=0.0)(layers.Dense(3, use_bias=False)(image))
    model = tl.prunable(keras.Model(image, layers.Dense(2, use_bias=False)(hidden)))
    first = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])
    second = np.array([[1.0, -1.0], [2.0, 0.5], [-3.0, 1.0]])
    scale = np.array([-2.0, 1.0, 0.5]) / np.sqrt([4.0, 1.0, 0.25])
    (_, one, _), (_, two, _) = prunable_kernels(model)
    one.assign(first)
    two.assign(second)
    norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    norm.set_weights([np.array([-2.0, 1.0, 0.5]), np.zeros(3), np.zeros(3), np.array([4.0, 1.0, 0.25])])
    masks = {name: mask.copy() for name, mask in tl.masks(model).items()}
    next(iter(masks.values()))[0, 0] = 0
    flow = list(Collector(model, find_loss=lambda: None, draw=None, seed=0)("synaptic_flow", None, masks).values())
    first, second, scale = np.abs(first * next(iter(masks.values()))), np.abs(second), np.abs(scale)
    np.testing.assert_allclose(flow[0], np.tile(scale * second.sum(1), (2, 1)))
    np.testing.assert_allclose(flow[1], np.tile((first.sum(0) * scale)[:, None], (1, 2)))


def test_synaptic_flow_is_conserved_and_empties_no_layer_at_a_density_of_one_in_a_thousand():
    keras.utils.set_random_seed(2)
    stack = [layers.Dense(60, "relu", use_bias=False) for _ in range(4)]
    model = tl.prunable(keras.Sequential([keras.Input((60,)), *stack, layers.Dense(10, use_bias=False)]))
    flow = Collector(model, find_loss=lambda: None, draw=None, seed=0)("synaptic_flow", None, tl.masks(model))
    through = [np.abs(weight.numpy() * flow[name]).sum() for name, weight, _ in prunable_kernels(model)]
    np.testing.assert_allclose(through, through[0], rtol=1e-6)  # Tanaka et al. 2020, theorem on conservation
    report = tl.prune(model, 0.002, heuristic="synflow")
    assert report.kept == 30
    assert not report.emptied


def test_what_is_missing_is_said():
    model = tl.prunable(keras.Sequential([layers.Dense(3, input_shape=(4,))]))
    with pytest.raises(ValueError, match=r"'taylor': scores are made of 1,000 examples in batches of 100.*no data"):
        tl.prune(model, 0.5, heuristic="taylor")
    with pytest.raises(ValueError, match=r"not compiled with one. Expected loss="):
        tl.prune(model, 0.5, heuristic="taylor", data=(X, Y))
    with pytest.raises(ValueError, match="5 and 12 examples"):
        tl.prune(model, 0.5, heuristic="taylor", data=(X, Y[:5]), loss=LOSS)
    with pytest.raises(TypeError, match=r"data is ndarray; expected \(inputs, labels\)"):
        tl.prune(model, 0.5, heuristic="taylor", data=X, loss=LOSS)
    model.layers[0].layer.kernel.assign(np.full((4, 3), np.nan))
    with pytest.raises(CannotCollectError, match="not finite") as raised:
        Collector(model, find_loss=lambda: LOSS, draw=in_order, seed=0)(
            "gradient", Examples(count=4, batch=4), tl.masks(model)
        )
    assert isinstance(raised.value, ValueError)
    assert tl.density(model) == 1


IDS = GENERATOR.integers(0, 20, (12, 5))


def _recurrent():
    embedding = layers.Embedding(20, 4, batch_input_shape=(6, 5), mask_zero=True)
    return keras.Sequential([embedding, layers.GRU(5, stateful=True), layers.Dense(3)])


def _attention():
    words = keras.Input((5, 4))
    summed = words + layers.MultiHeadAttention(2, 3)(words, words)  # an operator as a layer
    return keras.Model(words, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(summed))))


def _half_precision():
    stack = [layers.Dense(8, "relu", dtype="mixed_float16"), layers.BatchNormalization(dtype="mixed_float16")]
    return keras.Sequential([keras.Input((4,)), *stack, layers.Dense(3)])


def _frozen():
    return keras.Sequential([layers.Dense(6, trainable=False, input_shape=(4,)), layers.Dense(3)])


@pytest.mark.parametrize(
    ("make", "x"),
    [(_recurrent, IDS), (_attention, X.repeat(5, axis=0).reshape(12, 5, 4)), (_half_precision, X), (_frozen, X)],
)
def test_models_of_many_kinds_are_scored_and_are_the_same_afterwards(make, x):
    keras.utils.set_random_seed(1)
    model = tl.prunable(make())
    states = [state for layer in model.layers for state in tf.nest.flatten(getattr(layer, "states", None))]
    held = [*model.weights, *(state for state in states if state is not None)]
    before = [variable.numpy() for variable in held]
    collector = Collector(model, find_loss=lambda: LOSS, draw=lambda count: (x, Y), seed=0)
    for quantity in ("squared_gradient", "hessian_diagonal", "synaptic_flow"):
        found = collector(quantity, Examples(count=12, batch=6, mode="training"), tl.masks(model))
        assert any(values.any() for values in found.values())
        assert {name: values.shape for name, values in found.items()} == {
            name: mask.shape for name, mask in tl.masks(model).items()
        }
    assert all(np.array_equal(variable.numpy(), values) for variable, values in zip(held, before, strict=True))


@pytest.mark.parametrize(
    ("x", "y", "loss", "told"),
    [
        (X, np.full(12, 99), LOSS, "99 which is outside the valid range"),
        (X[:, :2], Y, LOSS, r"expected shape=\(None, 4\), found shape=\(12, 2\)"),
        (X, np.ones((12, 7)), "mse", "Dimensions must be equal"),
        (X, Y, "mee", "loss is 'mee'; expected a Keras loss"),
    ],
)
def test_data_and_losses_that_do_not_fit_are_one_sentence(x, y, loss, told):
    model = tl.prunable(keras.Sequential([layers.Dense(3, input_shape=(4,))]))
    with pytest.raises(ValueError, match=rf"^heuristic 'taylor': .*{told}[^\n]*$"):
        tl.prune(model, 0.5, heuristic="taylor", data=(x, y), loss=loss)
    assert tl.density(model) == 1


def test_data_are_drawn_by_the_seed_or_the_first_of_a_dataset():
    one, again = (drawn_from((X, {"y": Y}), seed=4)(5) for _ in range(2))
    assert np.array_equal(one[0], again[0])
    assert np.array_equal(one[1]["y"], Y[[int(np.flatnonzero((row == X).all(1))[0]) for row in one[0]]])
    assert not np.array_equal(one[0], drawn_from((X, {"y": Y}), seed=5)(5)[0])
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)
    inputs, labels = drawn_from(dataset, seed=4)(7)
    assert np.array_equal(inputs, X[:7])
    assert np.array_equal(labels, Y[:7])


def test_the_loss_is_the_compiled_one_with_its_weights_and_outputs():
    image = keras.Input((4,))
    two = keras.Model(image, {"a": layers.Dense(3, name="a")(image), "b": layers.Dense(1, name="b")(image)})
    targets = {"a": Y, "b": np.ones((12, 1), np.float32)}
    masks = []
    for weights in ({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}):
        model = tl.prunable(two)
        model.compile("sgd", {"a": LOSS, "b": "mse"}, loss_weights=weights)
        tl.prune(model, 0.25, heuristic="saliency", data=(X, targets))
        masks.append({name: int(mask.sum()) for name, mask in tl.masks(model).items()})
    # What has no part in the loss has no saliency: all four kept weights are of the other output, but for ties at 0.
    assert masks == [{"a/kernel": 4, "b/kernel": 0}, {"a/kernel": 0, "b/kernel": 4}]
