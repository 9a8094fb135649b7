"""The prunable model is the same model: its names, its class, how it is compiled, what is frozen in it."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.slots import slots_of

layers = keras.layers
X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(12, 2)).astype(np.float32)


def two_layers(**settings):
    return keras.Sequential([layers.Dense(3, input_shape=(4,), name="one"), layers.Dense(2, name="two", **settings)])


def steps(model, count=2):
    """Train in eager steps: the same as `fit`, without the seconds that it takes to trace."""
    model.compile(model.optimizer, "mse", run_eagerly=True)
    model.fit(X, Y, batch_size=12, epochs=count, shuffle=False, verbose=0)


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(plain_weights(one), plain_weights(two), strict=True))


def plain_weights(model):
    return [array for layer in model.layers for array in layer.get_weights()]


def test_losses_labels_and_metrics_go_by_the_names_of_the_outputs():
    x = keras.Input((4,), name="x")
    body = layers.Dense(3, name="body")(x)
    model = keras.Model(x, [layers.Dense(2, name="a")(body), layers.Dense(1, name="b")(body)], name="both")
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={"a": "mse", "b": lambda truth, found: tf.reduce_mean((truth - found) ** 2)},
        loss_weights={"a": 1.0, "b": 0.5},
        metrics={"a": ["mae", keras.metrics.RootMeanSquaredError(name="rms")]},
        weighted_metrics={"b": [keras.metrics.MeanAbsoluteError(name="mae")]},
        run_eagerly=True,
    )
    labels = {"a": Y, "b": Y[:, :1]}
    model.fit({"x": X}, labels, verbose=0)
    copy = tl.prunable(model)
    assert (copy.name, copy.input_names, copy.output_names) == ("both", ["x"], ["a", "b"])
    assert copy.get_layer("body").kernel.shape == (4, 3)
    stopping = keras.callbacks.EarlyStopping(monitor="val_a_rms")
    one, two = (
        each.fit({"x": X}, labels, shuffle=False, verbose=0, validation_data=({"x": X}, labels), callbacks=[stopping])
        for each in (model, copy)
    )
    assert one.history == two.history
    assert {"a_mae", "a_rms", "b_mae", "val_b_loss"} <= one.history.keys()
    model.reset_metrics()
    assert float(copy.metrics[-1].result()) > 0  # metrics are not shared


def test_outputs_and_inputs_that_are_dictionaries_stay_so():
    inputs = {name: keras.Input((4,), name=name) for name in ("p", "q")}
    x = layers.Dense(3)(layers.Add()([inputs["p"], inputs["q"]]))
    model = keras.Model(inputs, {"o": layers.Dense(2, name="oo")(x), "u": layers.Dense(1, name="uu")(x)})
    copy = tl.prunable(model)
    found, expected = copy({"p": X, "q": X}), model({"p": X, "q": X})
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


class Tempered(keras.Model):
    """A functional model with a constructor, an attribute, a metric and a step of its own."""

    def __init__(self, inputs, outputs, temperature, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.temperature = temperature
        self.tracker = keras.metrics.Mean(name="tracked")
        self.head = self.layers[-1]

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.temperature * tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.tracker.update_state(loss + 0 * tf.reduce_sum(self.head.kernel))
        return {"tracked": self.tracker.result()}


class Stepped(keras.Sequential):
    def train_step(self, data):
        self.stepped = True
        return super().train_step(data)


def test_a_class_of_ones_own_is_kept_with_what_its_methods_use():
    x = keras.Input((4,))
    model = Tempered(x, layers.Dense(2)(layers.Dense(3)(x)), 3.5, name="mine")
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    copy = tl.prunable(model)
    assert (type(copy), copy.temperature, copy.name) == (Tempered, 3.5, "mine")
    assert copy.tracker is not model.tracker
    assert copy.head is copy.layers[-1]
    one, two = (each.fit(X, Y, shuffle=False, verbose=0).history for each in (model, copy))
    assert one == two
    assert same(model, copy)
    tl.prune(copy, 0.5)
    assert type(tl.strip(copy)) is Tempered


def test_a_sequential_model_of_a_class_of_ones_own_too():
    model = Stepped([layers.Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse", run_eagerly=True)
    copy = tl.prunable(model)
    copy.fit(X, Y, verbose=0)
    assert type(copy) is Stepped
    assert copy.stepped


def test_a_weight_of_the_model_that_is_in_no_layer_is_refused_and_a_layer_outside_of_it_is_named(caplog):
    class Mine(keras.Model):
        def train_step(self, data):
            return {"scale": self.scale, "teacher": self.teacher(data)}

    x = keras.Input((4,))
    model = Mine(x, layers.Dense(2)(x))
    model.teacher = layers.Dense(2)
    model.teacher(X)
    copy = tl.prunable(model)
    assert copy.teacher is model.teacher
    assert "shared with the model that was copied, not copied: teacher" in caplog.text
    model.scale = tf.Variable(2.0)
    with pytest.raises(ValueError, match=r"scale is a weight of the model \(Mine\) and of none of its layers"):
        tl.prunable(model)


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule without a configuration."""

    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, tf.float32))


def decayed():
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.3)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


OPTIMIZERS = {
    "excluded from decay": decayed,
    "a schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "no configuration": lambda: keras.optimizers.SGD(Halving(), momentum=0.9),
    "loss scale": lambda: keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(Halving())),
    "averages": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "legacy": lambda: keras.optimizers.legacy.SGD(0.1, momentum=0.9, nesterov=True),
    "legacy, scheduled": lambda: keras.optimizers.legacy.Adam(Halving()),
}


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_goes_on_where_the_models_stands(name, built):
    model = two_layers()
    optimizer = OPTIMIZERS[name]()
    if name == "excluded from decay":
        optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel], var_names=["bias"])
    model.compile(optimizer, "mse", run_eagerly=True)
    if built:
        steps(model)
    copy = tl.prunable(model)
    assert type(copy.optimizer) is type(model.optimizer)
    assert copy.optimizer is not model.optimizer
    steps(model)
    steps(copy)
    assert int(copy.optimizer.iterations) == int(model.optimizer.iterations)
    assert same(model, copy)


class Extra(keras.optimizers.SGD):
    def __init__(self, extra=1.0, **kwargs):
        super().__init__(**kwargs)
        self.extra = extra


class Compiled(keras.Model):
    def compile(self, optimizer, temperature=1.0, **kwargs):
        super().compile(optimizer, **kwargs)
        self.temperature = temperature


def test_a_compilation_that_cannot_be_the_same_is_said(caplog):
    model = two_layers()
    model.compile(Extra(extra=3.0), "mse")
    assert not tl.prunable(model)._is_compiled
    assert "the configuration of Extra leaves out extra): call its compile yourself" in caplog.text
    x = keras.Input((4,))
    model = Compiled(x, layers.Dense(2)(x))
    model.compile("sgd", temperature=4.0, loss="mse")
    copy = tl.prunable(model)
    assert "Compiled has its own compile, and no compile_from_config" in caplog.text
    with pytest.raises(RuntimeError, match="must compile your model"):
        copy.fit(X, Y)


def test_how_steps_run_is_kept():
    model = two_layers()
    model.compile("sgd", "mse", steps_per_execution=3, jit_compile=True)
    copy = tl.prunable(model)
    assert int(copy._steps_per_execution) == 3
    assert copy.jit_compile
    assert not copy.run_eagerly


def test_what_is_frozen_stays_so_and_can_be_thawed():
    inner = keras.Sequential([layers.Dense(4, input_shape=(4,)), layers.Dense(4)])
    inner.trainable = False
    inner.layers[0].trainable = True  # which does nothing while the model around it is frozen
    x = keras.Input((4,))
    both_ways = layers.Bidirectional(layers.SimpleRNN(2))
    y = both_ways(layers.Reshape((1, 4))(inner(x)))
    model = keras.Model(x, layers.Dense(2)(y))
    both_ways.backward_layer.trainable = False
    copy = tl.prunable(model)

    def trained(one):
        return [variable.name for variable in one.trainable_variables]

    assert trained(copy) == trained(model)
    model.layers[1].trainable = copy.layers[1].trainable = True
    assert trained(copy) == trained(model)
    assert len(trained(copy)) == 4 + 3 + 2


def test_slots_are_found_and_masked_though_a_layer_was_frozen_since():
    model = tl.prunable(two_layers())
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    steps(model)
    model.layers[0].trainable = False
    tl.prune(model, 0.5)
    slots = slots_of(model)
    for _, weight, mask in prunable_kernels(model):
        assert len(slots[weight.ref()]) == 2
        for slot in slots[weight.ref()]:
            assert np.array_equal(slot.numpy() != 0, mask.numpy() != 0)
    copy = tl.prunable(model)
    for ours, theirs in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_stateful_network_goes_on_from_its_states_and_resets_them():
    model = keras.Sequential([layers.SimpleRNN(3, stateful=True, batch_input_shape=(2, 3, 4)), layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    first = model(x).numpy()
    copy = tl.prunable(model)
    assert copy.stateful
    assert np.array_equal(copy(x), model(x))
    copy.reset_states()
    assert np.array_equal(copy(x), first)
    assert not np.array_equal(copy(x), first)


def test_seeds_noise_and_penalties_are_the_same():
    model = keras.Sequential(
        [
            layers.Dropout(0.5, seed=3, input_shape=(4,)),
            layers.Dense(6, kernel_initializer=keras.initializers.GlorotUniform(seed=5), activity_regularizer="l2"),
            layers.GaussianNoise(0.1, seed=4),
            layers.Dense(2, kernel_regularizer="l2"),
        ]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    copy = tl.prunable(model)
    assert copy.layers[1].layer.kernel_initializer.seed == 5
    for one in (model, copy):
        keras.utils.set_random_seed(1)
        steps(one)
    assert same(model, copy)
    assert copy.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_layer_shared_between_a_model_and_one_inside_it_is_one_layer():
    layer = layers.Dense(4)
    inner = keras.Sequential([keras.Input((4,)), layer])
    x = keras.Input((4,))
    model = keras.Model(x, inner(layer(x)))
    copy = tl.prunable(model)
    assert len(prunable_kernels(copy)) == 1
    assert len(copy.trainable_variables) == 2
    assert len(tl.strip(copy).trainable_variables) == 2
