"""The engine against a plain Keras loop written here."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.datasets.known import DATASETS
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.pruning.prune import masks, prune
from tf_lottery.rewinding.schedules import Staircase
from tf_lottery.training import batches, inputs
from tf_lottery.training.engine import DivergedError, Engine, _Watch
from tf_lottery.training.order import positions
from tf_lottery.training.randomness import Draws

DRAWS = Draws(seed=1, trial=2, depth=0)


def data(shape, examples=70):
    generator = np.random.default_rng(5)

    def split(count):
        labels = generator.integers(0, 10, count).astype(np.int32)
        images = generator.integers(0, 80, (count, *shape)) + 15 * labels[:, None, None, None]
        return Split(images.astype(np.uint8), labels)

    return Splits(split(examples), split(13), split(31))


def make(network, shape, *, jit="auto", input_choice="auto", augmented=False, splits=None, **changes):
    augmentation = "pad_crop_flip" if augmented else "none"
    normalisation = "standardise_image" if augmented else "mean_std"
    dataset = replace(DATASETS["mnist"], shape=shape, augmentation=augmentation, normalisation=normalisation)
    recipe = changes.pop("recipe", "lenet_digits")
    training = replace(resolve(recipe, examples=70, epochs=3, batch_size=16, learning_rate=0.05), **changes)
    engine = Engine(find(network), dataset, splits or data(shape), training, jit=jit, input_choice=input_choice)
    return engine, dataset, training


def rates_of(training):
    return Staircase(peak=training.learning_rate, drops=training.drops)(np.arange(training.total_steps))


def train(engine, training, from_step=0, callbacks=()):
    ends = training.ends_of_epochs(training.total_steps)
    engine.train(rates=rates_of(training), ends=ends, from_step=from_step, draws=DRAWS, callbacks=list(callbacks))


CASES = {
    "dense": ("lenet_300_100_x0.1", (6, 6, 1), False, {}),
    "nesterov": ("lenet_300_100_x0.1", (6, 6, 1), False, {"nesterov": True}),
    "adam": ("lenet_300_100_x0.1", (6, 6, 1), False, {"recipe": "lth_lenet_adam", "learning_rate": 1e-3}),
    # So strong that leaving it out moves weights by far more than rounding does.
    "weight decay": ("lenet_300_100_x0.1", (6, 6, 1), False, {"l2": 0.05}),
    "losses of layers": (
        "lenet_300_100_x0.1",
        (6, 6, 1),
        False,
        {"recipe": "lth_lenet_adam", "learning_rate": 1e-3, "l2": 0.05},
    ),
    "convolutions": ("resnet8_x0.25", (8, 8, 3), True, {"recipe": "resnet_small_images"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_compiled_loop_takes_the_same_steps_as_a_loop_by_hand(case):
    network, shape, augmented, changes = CASES[case]
    engine, dataset, training = make(network, shape, augmented=augmented, **changes)
    engine.put_fresh_state(DRAWS, keep_masks=False)
    start = engine.model.get_weights()
    prune(engine.model, 0.5)
    held = list(masks(engine.model).values())

    model = find(network).build(shape=shape, classes=10, l2=training.l2)
    model.set_weights([array for array, variable in zip(start, engine.model.weights, strict=True) if _is_own(variable)])
    kernels = [variable for variable in model.trainable_variables if "kernel" in variable.name]
    for kernel, mask in zip(kernels, held, strict=True):
        kernel.assign(kernel * mask)
    splits, slots = data(shape), {}
    rows = positions(DRAWS, examples=70, first=0, last=16 * training.total_steps, augmented=augmented)
    images = batches.pad(tf.constant(splits.train.images)) if augmented else tf.constant(splits.train.images)
    told = []
    for step, rate in enumerate(rates_of(training)):
        batch = rows[16 * step : 16 * step + 16]
        x = tf.gather(images, batch[:, 0])
        x = batches.normalise(batches.crop_and_flip(x, batch) if augmented else x, dataset)
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            labels = splits.train.labels[batch[:, 0]]
            cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
            loss = cross_entropy + sum(model.losses)
        told.append((float(cross_entropy), np.mean(logits.numpy().argmax(1) == labels)))
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign_sub(
                rate * _update(training, slots.setdefault(variable.name, {}), gradient.numpy(), step + 1)
            )
        for kernel, mask in zip(kernels, held, strict=True):
            kernel.assign(kernel * mask)

    logs = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, found: logs.append(dict(found)))
    train(engine, training, callbacks=[keep])
    ends = training.ends_of_epochs(training.total_steps)
    for found, first, last in zip(logs, ends[:-1], ends[1:], strict=True):
        loss, accuracy = np.mean(told[first:last], axis=0)
        assert found["loss"] == pytest.approx(loss, rel=1e-3)
        assert found["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    for ours, theirs in zip(
        [variable for variable in engine.model.weights if _is_own(variable)], model.weights, strict=True
    ):
        # Another order of sums, over 14 steps; Adam divides small numbers by small numbers.
        assert np.allclose(ours.numpy(), theirs.numpy(), rtol=2e-3, atol=2e-4), ours.name


def test_a_fresh_state_has_nothing_of_the_training_before():
    engine, _, training = make("lenet_300_100_x0.1", (6, 6, 1))
    finals = []
    for _ in range(2):
        engine.put_fresh_state(DRAWS, keep_masks=False)
        begin = engine.state()
        assert all(not array.any() for name, array in begin.items() if name.startswith("optimizer/"))
        train(engine, training)
        finals.append(engine.state())
    assert all(np.array_equal(finals[0][name], finals[1][name]) for name in finals[0])


def _is_own(variable):
    return not any(word in variable.name for word in ("mask", "threshold", "pruning_step"))


def _update(training, slot, gradient, step):
    if training.optimizer == "adam":  # Kingma & Ba 2015, Algorithm 1, epsilon 1e-8
        slot["m"] = 0.9 * slot.get("m", 0) + 0.1 * gradient
        slot["v"] = 0.999 * slot.get("v", 0) + 0.001 * gradient**2
        return slot["m"] / (1 - 0.9**step) / (np.sqrt(slot["v"] / (1 - 0.999**step)) + 1e-8)
    slot["a"] = 0.9 * slot.get("a", 0) + gradient
    return gradient + 0.9 * slot["a"] if training.nesterov else slot["a"]


def test_evaluation_is_accuracy_and_cross_entropy_of_the_whole_split():
    engine, dataset, _ = make("lenet_300_100_x0.1", (6, 6, 1), l2=0.1)
    engine.put_fresh_state(DRAWS, keep_masks=False)
    for name, split in (("validation", data((6, 6, 1)).validation), ("test", data((6, 6, 1)).test)):
        logits = engine.model(batches.normalise(tf.constant(split.images), dataset))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(split.labels, logits)
        found = engine.evaluate(name)
        assert found.accuracy == np.mean(np.argmax(logits, axis=1) == split.labels)
        assert found.loss == pytest.approx(float(loss), rel=1e-5)  # without weight decay


@pytest.mark.parametrize("jit", ["on", "off"])
def test_training_that_goes_on_from_any_epoch_ends_bit_equal(jit):
    engine, _, training = make("lenet_300_100_x0.1", (6, 6, 1), jit=jit)
    ends, states = training.ends_of_epochs(training.total_steps), {}

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states[ends[epoch + 1]] = engine.state()

    engine.put_fresh_state(DRAWS, keep_masks=False)
    states[0] = engine.state()
    train(engine, training, callbacks=[Keep()])
    whole = engine.state()
    assert list(states) == list(ends)
    for step, state in states.items():
        engine.put_state(state, keep_masks=False)
        train(engine, training, from_step=step)
        assert all(whole[name].tobytes() == value.tobytes() for name, value in engine.state().items())


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("network", ["lenet_300_100_x0.1", "resnet8_x0.25"])
def test_a_stream_gives_the_same_bytes_as_memory(network, augmented, monkeypatch, tmp_path):
    # Pieces of few steps, of a mapped file, as where a data set does not fit.
    monkeypatch.setattr(inputs, "_LARGEST_PIECE", 40 * 8 * 8)
    monkeypatch.setattr(inputs, "_LARGEST_EVALUATION_BATCH", 6)
    whole = data((8, 8, 1))
    np.save(tmp_path / "images.npy", whole.train.images)
    mapped = whole._replace(train=Split(np.load(tmp_path / "images.npy", mmap_mode="r"), whole.train.labels))
    found = []
    for choice, splits in (("memory", whole), ("stream", mapped)):
        engine, _, training = make(network, (8, 8, 1), augmented=augmented, splits=splits, input_choice=choice)
        engine.put_fresh_state(DRAWS, keep_masks=False)
        prune(engine.model, 0.5)
        train(engine, training)
        found.append((engine.state(), engine.evaluate("test"), engine.evaluate("validation")))
    (memory, *evaluated), (stream, *evaluated_stream) = found
    assert evaluated == evaluated_stream
    assert memory.keys() == stream.keys()
    assert all(memory[name].tobytes() == value.tobytes() for name, value in stream.items())


def test_what_takes_more_than_a_quarter_of_the_memory_is_streamed(monkeypatch):
    splits = data((8, 8, 1))
    size = sum(split.images.nbytes + split.labels.nbytes for split in splits)
    for available, kind in ((4 * size, inputs.Memory), (4 * size - 4, inputs.Stream)):
        monkeypatch.setattr(inputs.psutil, "virtual_memory", lambda: SimpleNamespace(available=available))  # noqa: B023
        assert type(inputs.choose("auto", splits)) is kind
    assert type(inputs.choose("memory", splits)) is inputs.Memory


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_masks_hold_and_a_training_that_goes_on_ends_bit_equal(precision):
    engine, _, training = make("lenet_300_100_x0.1", (6, 6, 1), precision=precision)
    computing = {layer.compute_dtype for layer in engine.model.layers if layer.trainable_weights}
    assert computing == {precision.removeprefix("mixed_")}
    ends, states, losses = training.ends_of_epochs(training.total_steps), {}, []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states[ends[epoch + 1]] = engine.state()
            losses.append(logs["loss"])

    engine.put_fresh_state(DRAWS, keep_masks=False)
    report = prune(engine.model, 0.3)
    train(engine, training, callbacks=[Keep()])
    assert losses[-1] < losses[0]
    whole = engine.state()
    weights = [value for name, value in whole.items() if name.startswith("weights/") and "kernel" in name]
    assert sum(np.count_nonzero(value) for value in weights) == report.kept
    assert {value.dtype for value in weights} == {np.dtype("float32")}
    engine.put_state(states[ends[1]], keep_masks=False)
    train(engine, training, from_step=ends[1])
    assert all(whole[name].tobytes() == value.tobytes() for name, value in engine.state().items())


def test_every_stage_runs_on_the_first_trace():
    engine, _, training = make("resnet8_x0.25", (8, 8, 1))
    for trial, density, epochs, peak in ((1, 1.0, 3, 0.05), (1, 0.5, 1, 0.005), (2, 0.2, 2, 0.05)):
        draws = Draws(seed=0, trial=trial, depth=0)
        engine.put_fresh_state(draws, keep_masks=False)
        prune(engine.model, density)
        steps = training.steps_in(epochs)
        rates = np.full(steps, peak, np.float32)
        engine.train(rates=rates, ends=training.ends_of_epochs(steps), from_step=0, draws=draws, callbacks=[])
        engine.evaluate("test")
        assert engine.traces == (1, 1)


def test_a_training_that_diverges_says_where_and_what_to_try():
    engine, _, training = make("lenet_300_100_x0.1", (6, 6, 1), learning_rate=1e18)
    engine.put_fresh_state(DRAWS, keep_masks=False)
    with pytest.raises(DivergedError, match=r"at step \d+ \(epoch 1\).*rate is 1e\+18.*Try a smaller --learning_rate"):
        train(engine, training)


@pytest.mark.parametrize(("rate", "told"), [(1e38, "0.1"), (np.inf, "0.1"), (0.5, "0.05")])
def test_the_rate_to_try_instead_is_a_tenth_and_at_most_the_greatest_of_a_recipe(rate, told):
    """Never one that float32 does not hold, or a nineteenth power of ten."""
    watch = _Watch(SimpleNamespace(diverged_at=2), (0, 5), np.full(5, rate, np.float32))
    with pytest.raises(DivergedError, match=rf"at step 2 .*, such as {told}, or a larger"):
        watch.on_train_batch_end(0)


def test_fresh_states_are_the_same_for_the_same_draws_and_under_the_mask():
    engine, _, _ = make("resnet8_x0.25", (8, 8, 3))
    engine.put_fresh_state(DRAWS, keep_masks=False)
    first = engine.state()
    engine.put_fresh_state(Draws(seed=1, trial=3, depth=0), keep_masks=False)
    assert not np.array_equal(engine.state()["weights/stem_conv/kernel"], first["weights/stem_conv/kernel"])
    kept = prune(engine.model, 0.3).kept
    engine.put_fresh_state(DRAWS, keep_masks=True)
    again, held = (
        engine.state(),
        {name: value for name, value in engine.state().items() if name.startswith("masks/")},
    )
    for name, value in first.items():
        if name.startswith("weights/"):
            mask = held.get(name.replace("weights/", "masks/"), np.ones(1))
            assert np.array_equal(again[name], np.where(mask != 0, value, 0))
    assert sum(int(mask.sum()) for mask in masks(engine.model).values()) == kept
    assert engine.iterations == 0


def test_the_data_and_the_machine_are_in_the_environment_record():
    engine, _, _ = make("lenet_300_100_x0.1", (6, 6, 1))
    record = engine.environment()
    named = {"data", "device", "instructions", "jit", "numpy", "onednn", "tensorflow", "threads", "variables"}
    assert named == set(record)
    assert record["jit"] is True
    assert make("resnet8_x0.25", (8, 8, 3))[0].environment()["jit"] is bool(tf.config.list_physical_devices("GPU"))
