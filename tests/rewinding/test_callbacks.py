"""Weight rewinding and learning rate rewinding in anybody's `fit`."""

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.checkpoint import DamagedCheckpointError
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.rewinding.points import MissingPointError
from tf_lottery.rewinding.state import PointMismatchError, capture, restore

layers = keras.layers
BATCHES, EPOCHS = 3, 6
X = np.random.default_rng(0).normal(size=(16 * BATCHES, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 16 * BATCHES)
DROPS = keras.optimizers.schedules.PiecewiseConstantDecay


def schedule():
    return DROPS([5, 11], [0.1, 0.01, 0.001])  # of 18 steps, in the middle of epochs


def network(units=8):
    return keras.Sequential(
        [layers.Dense(units, input_shape=(6,)), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)]
    )


OPTIMIZERS = {
    "sgd with a schedule": lambda: keras.optimizers.SGD(schedule(), momentum=0.9),
    "adam with a schedule": lambda: keras.optimizers.Adam(schedule()),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "averaging": lambda: keras.optimizers.AdamW(0.01, use_ema=True),
    "loss scale": lambda: keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(schedule(), momentum=0.9), dynamic_growth_steps=5
    ),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
}


def compiled(optimizer, units=8, **settings):
    model = tl.prunable(network(units))
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), **settings)
    return model


def fit(model, *callbacks, initial_epoch=0, epochs=EPOCHS):
    model.fit(
        X,
        Y,
        batch_size=16,
        shuffle=False,
        initial_epoch=initial_epoch,
        epochs=epochs,
        callbacks=list(callbacks),
        verbose=0,
    )
    return model


class Rates(keras.callbacks.Callback):
    """Notes the rate of every step, as the optimizer took it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


class Grab(keras.callbacks.Callback):
    """Takes the whole state before the first batch; after the callbacks before it in the list."""

    state = None

    def on_train_batch_begin(self, batch, logs=None):
        if self.state is None:
            self.state = capture(self.model)


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.mark.parametrize("name", ["sgd with a schedule", "loss scale"])
def test_a_compiled_training_is_repeated_bit_for_bit(tmp_path, name):
    """As each optimizer's is without XLA, in test_exactness."""
    model = compiled(OPTIMIZERS[name](), jit_compile=True)
    points = tl.RewindPoints(tmp_path, epochs=[0, 2])
    end = capture(fit(model, points))
    for epoch in (2, 0):
        again = capture(fit(model, tl.WeightRewinding(points, epoch=epoch), initial_epoch=epoch))
        assert same(again, end)


@pytest.mark.parametrize(
    ("name", "epoch"),
    [("sgd with a schedule", 2), ("adam", 0), ("averaging", 2), ("loss scale", 2), ("adafactor", 2)],
)
def test_rewound_weights_are_the_kept_ones_under_the_mask(tmp_path, name, epoch):
    model = compiled(OPTIMIZERS[name]())
    points = tl.RewindPoints(tmp_path, epochs=[epoch])
    fit(model, points)
    tl.prune(model, 0.3)
    grab = Grab()
    fit(model, tl.WeightRewinding(points, epoch=epoch), grab, initial_epoch=epoch)
    kept = points.read(epoch, model)
    masks = tl.masks(model)
    assert int(grab.state["optimizer/iteration"]) == epoch * BATCHES
    for key, value in grab.state.items():
        if key.startswith("masks/"):
            assert value.sum() < value.size
            continue
        mask = next((mask for kernel, mask in masks.items() if key.endswith(_bare(kernel, masks))), 1)
        expected = np.where(mask != 0, kept[key], 0) if np.shape(mask) == value.shape else kept[key]
        assert value.tobytes() == expected.astype(value.dtype).tobytes(), key
    for _, weight, mask in prunable_kernels(model):
        assert name == "averaging" or not weight.numpy()[mask.numpy() == 0].any()


def _bare(kernel, masks):
    """Return a kernel's name in a state: layers are not numbered there, but counted."""
    return "dense/kernel" if kernel == next(iter(masks)) else "dense/kernel#2"


def test_lr_rewinding_replays_the_rates_step_for_step_and_leaves_the_optimizers_count(tmp_path):
    for name in ("adam with a schedule", "loss scale"):
        model, first = compiled(OPTIMIZERS[name]()), Rates()
        points = tl.RewindPoints(tmp_path / name, epochs=[1, 4])
        fit(model, points, first)
        for epoch in (4, 1, 4):
            tl.prune(model, tl.density(model) * 0.8)
            before, again, grab = capture(model), Rates(), Grab()
            fit(
                model,
                tl.LearningRateRewinding(points, epoch=epoch, rescale_velocity=False),
                again,
                grab,
                initial_epoch=epoch,
            )
            assert again.seen == first.seen[epoch * BATCHES :]
            assert same(grab.state, before)  # weights, slots, statistics and count: nothing but the rate moves
        assert int(model.optimizer.iterations) == BATCHES * (EPOCHS + 2 + 5 + 2)


def test_weight_rewinding_after_lr_rewinding_has_the_original_rates_again(tmp_path):
    model, first, again = compiled(OPTIMIZERS["adam with a schedule"]()), Rates(), Rates()
    points = tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points, first)
    fit(model, tl.LearningRateRewinding(points, epoch=1), initial_epoch=1)
    fit(model, tl.WeightRewinding(points, epoch=1), again, initial_epoch=1)
    assert again.seen == first.seen[BATCHES:]


def test_both_work_with_a_rate_that_a_callback_sets_by_the_epoch(tmp_path):
    def by_epoch(epoch, rate):
        return 0.1 * 0.5**epoch

    for rewinding in (tl.WeightRewinding, tl.LearningRateRewinding):
        model, first, again = compiled(keras.optimizers.SGD(1.0, momentum=0.9)), Rates(), Rates()
        points = tl.RewindPoints(tmp_path / rewinding.__name__, epochs=[2])
        fit(model, points, keras.callbacks.LearningRateScheduler(by_epoch), first)
        again = Rates()
        fit(
            model,
            rewinding(points, epoch=2),
            keras.callbacks.LearningRateScheduler(by_epoch),
            again,
            initial_epoch=2,
        )
        assert again.seen == first.seen[2 * BATCHES :]


def test_a_plain_rate_that_was_lowered_is_put_back(tmp_path):
    model, rates = compiled(keras.optimizers.SGD(0.5)), Rates()
    points = tl.RewindPoints(tmp_path, epochs=[1])
    fit(model, points, epochs=2)
    model.optimizer.learning_rate = 0.01
    fit(model, tl.LearningRateRewinding(points, epoch=1), rates, initial_epoch=1, epochs=2)
    assert rates.seen == [0.5] * BATCHES


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("scheduled", [False, True])
def test_the_velocity_of_keras_sgd_is_rescaled_at_the_jump(tmp_path, rescale, scheduled):
    """By hand: Keras' velocity is -rate x buffer; going from 0.001 to 0.1 it must become 100 times as large."""
    rate = schedule() if scheduled else 0.1
    model = compiled(keras.optimizers.SGD(rate, momentum=0.9))
    points = tl.RewindPoints(tmp_path, epochs=[1])
    drop = keras.callbacks.LearningRateScheduler(lambda epoch, _: [0.1, 0.1, 0.01, 0.01, 0.001, 0.001][epoch])
    extra = [] if scheduled else [drop]
    fit(model, points, *extra)
    before, grab = capture(model), Grab()
    fit(
        model,
        *extra,
        tl.LearningRateRewinding(points, epoch=1, rescale_velocity=rescale),
        grab,
        initial_epoch=1,
    )
    for name, value in before.items():
        factor = 100.0 if rescale and name.startswith("optimizer/momentums/") else 1.0
        assert np.allclose(grab.state[name], factor * value, rtol=1e-4) or name == "optimizer/learning_rate", name


def test_where_the_replayed_rates_are_the_last_rate_lr_rewinding_is_fine_tuning_bit_for_bit(tmp_path):
    ends = []
    for rewound in (True, False):
        keras.utils.set_random_seed(3)
        model = compiled(keras.optimizers.SGD(schedule(), momentum=0.9))
        points = tl.RewindPoints(tmp_path / str(rewound), epochs=[4])
        fit(model, points)
        tl.prune(model, 0.5)
        callbacks = [tl.LearningRateRewinding(points, epoch=4)] if rewound else []
        ends.append(capture(fit(model, *callbacks, initial_epoch=4)))
    assert same(*ends)


def test_fit_that_begins_at_another_epoch_is_refused(tmp_path):
    model = compiled(keras.optimizers.SGD(0.1))
    points = tl.RewindPoints(tmp_path, epochs=[2])
    fit(model, points)
    for rewinding in (tl.WeightRewinding, tl.LearningRateRewinding):
        with pytest.raises(
            ValueError,
            match=r"begins at epoch 0, but the training is rewound to epoch 2\. Pass initial_epoch=2",
        ):
            fit(model, rewinding(points, epoch=2))


def test_a_point_that_was_not_kept_of_another_model_or_optimizer_or_damaged_is_an_error_that_says_so(
    tmp_path,
):
    model = compiled(keras.optimizers.SGD(0.1))
    points = tl.RewindPoints(tmp_path, epochs=[2])
    fit(model, points)
    with pytest.raises(MissingPointError, match=r"no rewind point of epoch 3 .* it has \[2\]"):
        fit(model, tl.WeightRewinding(points, epoch=3), initial_epoch=3)
    with pytest.raises(
        PointMismatchError, match=r"another model: weights/dense/kernel has shape \(6, 8\) there and \(6, 9\)"
    ):
        fit(compiled(keras.optimizers.SGD(0.1), units=9), tl.WeightRewinding(points, epoch=2), initial_epoch=2)
    for rewinding in (tl.WeightRewinding, tl.LearningRateRewinding):
        with pytest.raises(PointMismatchError, match="kept with the optimizer SGD; the model has Adam"):
            fit(compiled(keras.optimizers.Adam(0.1)), rewinding(points, epoch=2), initial_epoch=2)
    with pytest.raises(PointMismatchError, match="another optimizer"):
        fit(compiled(keras.optimizers.SGD(schedule())), tl.WeightRewinding(points, epoch=2), initial_epoch=2)
    file = next(tmp_path.iterdir())
    content = bytearray(file.read_bytes())
    content[-9] ^= 4
    file.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match="Train again"):
        fit(model, tl.WeightRewinding(points, epoch=2), initial_epoch=2)


def test_retraining_with_the_same_callback_does_not_replace_a_point(tmp_path):
    model = compiled(keras.optimizers.SGD(0.1))
    points = tl.RewindPoints(tmp_path, epochs=[2, 4])
    fit(model, points)
    kept = points.read(4, model)
    tl.prune(model, 0.5)
    fit(model, points, tl.WeightRewinding(points, epoch=2), initial_epoch=2)
    assert same(points.read(4, model), kept)


def test_points_are_read_by_a_model_built_again(tmp_path):
    model = compiled(keras.optimizers.Adam(0.01))
    fit(model, tl.RewindPoints(tmp_path, epochs=[2]))
    end = capture(model)
    fresh = compiled(keras.optimizers.Adam(0.01))  # its layers have other numbers
    again = fit(fresh, tl.WeightRewinding(tl.RewindPoints(tmp_path), epoch=2), initial_epoch=2)
    assert same(capture(again), end)


def test_a_plain_model_rewinds_too_and_models_inside_models(tmp_path):
    x = keras.Input((6,))
    inner = keras.Sequential([layers.Dense(4, name="one", input_shape=(6,)), layers.Dense(6, name="two")])
    plain = keras.Model(x, layers.Dense(3, name="two")(inner(layers.Dense(6, name="one")(x))))
    for number, model in enumerate((plain, tl.prunable(plain))):
        model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        points = tl.RewindPoints(tmp_path / str(number), epochs=[1])
        end = capture(fit(model, points))
        assert len([name for name in end if name.startswith("weights/")]) == 8
        assert same(capture(fit(model, tl.WeightRewinding(points, epoch=1), initial_epoch=1)), end)


def test_a_state_of_another_optimizer_or_none_leaves_the_model_as_it_was():
    model = compiled(keras.optimizers.SGD(0.1))
    before = capture(model)
    other = {name: value + 1 for name, value in before.items() if not name.startswith("optimizer/momentums")}
    with pytest.raises(PointMismatchError, match="only here: optimizer/momentums"):
        restore(model, other, keep_masks=False)
    assert same(capture(model), before)
    with pytest.raises(ValueError, match="not compiled"):
        capture(tl.prunable(network()))
    legacy = network()
    legacy.compile(keras.optimizers.legacy.SGD(0.1), "mse")
    with pytest.raises(ValueError, match="legacy optimizer"):
        capture(legacy)


def test_the_example_of_the_readme_s_kind_trains_prunes_rewinds_and_ships(tmp_path):
    model = compiled(keras.optimizers.SGD(schedule(), momentum=0.9), metrics=["accuracy"])
    points = tl.RewindPoints(tmp_path, epochs=[0, 2])
    fit(model, points)
    for _ in range(3):
        report = tl.prune(model, tl.density(model) * 0.8)
        fit(model, tl.LearningRateRewinding(points, epoch=2), initial_epoch=2)
    small = tl.strip(model)
    kernels = [layer.kernel.numpy() for layer in small.layers if hasattr(layer, "kernel")]
    assert sum(int(np.count_nonzero(kernel)) for kernel in kernels) == report.kept
    assert np.array_equal(small(X).numpy(), model(X, training=False).numpy())
    model.save(tmp_path / "model.keras")  # its schedule is one of ours by now
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert tf.reduce_all(loaded(X) == model(X))
