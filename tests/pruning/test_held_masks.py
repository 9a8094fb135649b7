"""A masked weight is exactly 0.0 whenever anybody can look."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels

layers = keras.layers
OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "weight decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "ours": lambda: tl.MomentumSGD(0.1, momentum=0.9),
    "legacy": lambda: keras.optimizers.legacy.SGD(0.1, momentum=0.9),
}
X = np.random.default_rng(0).normal(size=(96, 8, 8, 1)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 96)


def network():
    decay = keras.regularizers.L2(1e-2)
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, kernel_regularizer=decay, input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(1.0)),
        ]
    )


def compiled(optimizer, **settings):
    model = tl.prunable(network())
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), **settings)
    return model


def violations(model):
    """Return how many masked weights are not the bytes of +0.0."""
    return sum(
        int((weight.numpy().view(np.uint32)[mask.numpy() == 0] != 0).sum())
        for _, weight, mask in prunable_kernels(model)
    )


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.looks, self.violations = 0, 0

    def on_train_batch_end(self, batch, logs=None):
        self.looks += 1
        self.violations += violations(self.model)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("jit", "steps"), [(False, 1), (False, 2), (True, 3)])
def test_masked_weights_are_zero_after_every_step(name, jit, steps):
    if name == "legacy" and jit:
        pytest.skip("legacy optimizers make their slots in the first step, which XLA does not allow")
    model = compiled(OPTIMIZERS[name](), jit_compile=jit, steps_per_execution=steps)
    model.fit(X, Y, batch_size=16, verbose=0)
    kept = tl.prune(model, 0.3).kept
    watch = Watch()
    model.fit(X, Y, batch_size=16, epochs=2, callbacks=[watch], verbose=0)
    assert watch.looks == 12 // steps
    assert watch.violations == 0
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert violations(model) == 0
    assert sum(int(np.count_nonzero(weight.numpy())) for _, weight, _ in prunable_kernels(model)) == kept


ALL_OPTIMIZERS = [
    kind
    for module in (keras.optimizers, keras.optimizers.legacy)
    for kind in vars(module).values()
    if isinstance(kind, type)
    and issubclass(kind, (keras.optimizers.Optimizer, keras.optimizers.legacy.Optimizer))
    and kind not in (keras.optimizers.Optimizer, keras.optimizers.legacy.Optimizer)
]


def named(kind):
    return f"legacy {kind.__name__}" if issubclass(kind, keras.optimizers.legacy.Optimizer) else kind.__name__


@pytest.mark.parametrize("kind", ALL_OPTIMIZERS, ids=named)
def test_every_optimizer_of_keras_leaves_masked_weights_at_zero(kind):
    model = tl.prunable(keras.Sequential([layers.Dense(6, input_shape=(4,)), layers.Dense(2)]))
    kept = tl.prune(model, 0.4).kept
    x, y = X[:8, 0, :4, 0], X[:8, 0, 4:6, 0]
    legacy = issubclass(kind, keras.optimizers.legacy.Optimizer)
    for settings in ({"learning_rate": 0.1}, {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5}):
        if legacy and "use_ema" in settings:
            continue
        optimizer = kind(**settings)
        for _ in range(3):
            optimizer.minimize(lambda: tf.reduce_mean((model(x) - y) ** 2), model.trainable_variables)
            assert violations(model) == 0
        if not legacy:
            optimizer.finalize_variable_values(model.trainable_variables)
            assert violations(model) == 0
        weights = [weight.numpy() for _, weight, _ in prunable_kernels(model)]
        assert all(np.isfinite(weight).all() for weight in weights)
        assert 0 < sum(np.count_nonzero(weight) for weight in weights) <= kept  # Ftrl makes zeros of its own


def test_every_optimizer_of_keras_is_tried():
    assert {named(kind) for kind in ALL_OPTIMIZERS} > {"Adafactor", "Lion", "Nadam", "AdamW", "legacy Ftrl"}


@pytest.mark.parametrize("scaled", [False, True])
def test_averages_that_take_the_place_of_the_weights_at_the_end_of_fit_are_masked(scaled, tmp_path):
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=5)
    model = compiled(keras.mixed_precision.LossScaleOptimizer(optimizer) if scaled else optimizer)
    model.fit(X, Y, batch_size=16, verbose=0)
    tl.prune(model, 0.3)
    watch = Watch()
    trained = {}
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: trained.update(kernel=model.layers[0].kernel.numpy()))
    model.fit(X, Y, batch_size=16, callbacks=[watch, last], verbose=0)
    assert watch.violations == violations(model) == 0
    assert not np.array_equal(model.layers[0].kernel, trained["kernel"])  # the averages are in place
    model.save(tmp_path / "model.keras")
    assert violations(keras.models.load_model(tmp_path / "model.keras")) == 0


def test_a_norm_that_a_constraint_takes_is_that_of_the_kept_weights():
    model = tl.prunable(keras.Sequential([layers.Dense(1, kernel_constraint="unit_norm", input_shape=(4,))]))
    tl.prune(model, 0.5)
    (_, weight, mask), *_ = prunable_kernels(model)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.apply_gradients([(tf.constant([[3.0], [3.0], [3.0], [3.0]]), weight)])
    assert np.linalg.norm(weight) == pytest.approx(1.0, rel=1e-5)  # float32, and an epsilon in the norm
    assert np.array_equal(weight.numpy() != 0, mask.numpy() != 0)


def test_a_norm_that_gradients_are_clipped_by_counts_those_of_pruned_weights_as_documented():
    model = tl.prunable(keras.Sequential([layers.Dense(1, input_shape=(4,))]))
    tl.prune(model, 0.5)
    (_, weight, mask), *_ = prunable_kernels(model)
    before = weight.numpy()
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply_gradients([(tf.ones([4, 1]), weight)])
    # Of four gradients of 1 the norm is 2: clipped to 1, each is 0.5. Of the kept two alone it would be 1 / sqrt(2).
    assert (before - weight.numpy())[mask.numpy() == 1] == pytest.approx(0.5, abs=1e-6)
    assert violations(model) == 0


def test_masks_of_a_prunable_model_are_those_of_its_prunable_copy():
    model = tl.prunable(network())
    tl.prune(model, 0.3)
    again = tl.prunable(model)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert tl.masks(again).keys() == tl.masks(model).keys()
    assert all(np.array_equal(mask, tl.masks(model)[name]) for name, mask in tl.masks(again).items())
    tl.prune(again, 0.1)
    assert tl.density(model) > tl.density(again)
    assert violations(again) == 0


def test_a_user_s_own_constraint_is_applied_too():
    model = compiled(keras.optimizers.SGD(5.0))
    tl.prune(model, 0.5)
    model.fit(X, Y, verbose=0)
    norms = np.linalg.norm(prunable_kernels(model)[-1][1].numpy(), axis=0)
    assert norms.max() <= 1.0 + 1e-6
    assert violations(model) == 0


def test_set_weights_of_a_layer_is_masked():
    model = compiled("sgd")
    tl.prune(model, 0.5)
    layer = model.layers[0]
    layer.set_weights([np.ones_like(array) for array in layer.get_weights()])
    assert violations(model) == 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_masks_hold_under_other_precisions(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = tl.prunable(keras.Sequential([layers.Dense(8, input_shape=(4,)), layers.Dense(2)]))
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    tl.prune(model, 0.4)
    model.fit(np.ones((32, 4)), np.ones((32, 2)), epochs=3, verbose=0)
    for _, weight, mask in prunable_kernels(model):
        assert not weight.numpy()[mask.numpy() == 0].any()


def test_masks_hold_in_a_custom_training_loop():
    model = compiled(keras.optimizers.Adam(0.01))
    tl.prune(model, 0.3)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=True)))
        model.optimizer.minimize(loss, model.trainable_variables, tape=tape)

    for _ in range(3):
        step(X[:32], Y[:32])
        assert violations(model) == 0


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("ending", [".keras", ".h5", ""])
def test_a_saved_model_loads_without_custom_objects_with_masks_and_optimizer(tmp_path, ending):
    model = compiled(keras.optimizers.Adam(0.01))
    tl.prune(model, 0.3)
    model.fit(X, Y, verbose=0)
    path = tmp_path / f"model{ending}"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    if ending:  # Keras does not load an optimizer's state from a SavedModel
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) > 0
    assert tl.masks(loaded).keys() == tl.masks(model).keys()
    assert all(np.array_equal(mask, tl.masks(model)[name]) for name, mask in tl.masks(loaded).items())
    loaded.fit(X, Y, verbose=0)
    assert violations(loaded) == 0
    assert tl.prune(loaded, 0.1).kept < tl.prune(model, 0.2).kept


def test_tfmots_own_tools_keep_working(tmp_path):
    from tf_lottery.lazy_tf import tfmot

    model = compiled(keras.optimizers.SGD(0.1, momentum=0.9))
    kept = tl.prune(model, 0.3).kept
    tools = tfmot.sparsity.keras
    callbacks = [tools.UpdatePruningStep(), tools.PruningSummaries(str(tmp_path))]
    model.fit(X, Y, epochs=2, callbacks=callbacks, verbose=0)
    assert violations(model) == 0
    assert list(tmp_path.glob("metrics/*tfevents*"))
    plain = tools.strip_pruning(model)
    assert np.array_equal(plain.predict(X, verbose=0), model.predict(X, verbose=0))
    weights = [layer.kernel.numpy() for layer in plain.layers if hasattr(layer, "kernel")]
    assert sum(int(np.count_nonzero(weight)) for weight in weights) == kept


def test_a_stripped_model_s_configuration_knows_nothing_of_masks():
    model = tl.strip(tl.prunable(network()))
    assert "tf_lottery" not in model.to_json()
    assert "HeldMask" not in model.to_json()
