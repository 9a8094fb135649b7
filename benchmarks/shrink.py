"""What shrinking brings: networks of keras.applications with fewer channels, and a training step on smaller layers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import table

_PIXELS = 128
_NETWORKS = (
    *("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "DenseNet121"),
    *("ResNet50V2", "VGG16", "InceptionV3", "ConvNeXtTiny"),
)
_DENSITIES = (0.5, 0.25)
_STEPS, _BATCH = 60, 128


def report(*, rounds: int, quick: bool) -> str:
    """Measure on one core, dense and shrunk side by side, and return both tables."""
    parts = [_networks(quick=quick), _training(rounds=rounds, quick=quick)]
    return "\n\n".join(parts)


def _networks(*, quick: bool) -> str:
    from tf_lottery.lazy_tf import keras

    names: Sequence[str] = ("resnet8_x0.5",) if quick else _NETWORKS
    pixels = 32 if quick else _PIXELS
    rows = []
    for name in names:
        for density in _DENSITIES[:1] if quick else _DENSITIES:
            keras.backend.clear_session()
            keras.utils.set_random_seed(0)
            model = _network(name, pixels)
            rows.append((name, f"{density:g}", *_measured(model, density)))
    head = ("network", "weights asked for", "parameters", "FLOPs", "TensorFlow [ms]", "TFLite [ms]", "difference")
    text = f"Random weights, images of {pixels}x{pixels}, one example on one core, dense -> shrunk (times as fast); "
    text += "difference: of outputs, as a part of the largest."
    title = f"### Channels removed: group_magnitude, in multiples of 8, and shrink\n\n{text}\n\n"
    return title + table(head, rows, text_columns=2)


def _network(name: str, pixels: int) -> Any:
    from tf_lottery.lazy_tf import keras
    from tf_lottery.networks import registry

    if hasattr(keras.applications, name):
        return getattr(keras.applications, name)(weights=None, input_shape=(pixels, pixels, 3))
    return registry.find(name).build(shape=(pixels, pixels, 3), classes=10, l2=0.0)


def _measured(network: Any, density: float) -> tuple[str, ...]:
    import tf_lottery as tl
    from tf_lottery.pruning.latency import side_by_side
    from tf_lottery.pruning.saved_formats import FORMATS, write_plain_lite

    model = tl.prunable(network)
    tl.prune(model, density, heuristic="group_magnitude")
    inputs = np.random.default_rng(0).normal(size=(1, *network.input_shape[1:])).astype(np.float32)
    small, found = tl.shrink(model, inputs=inputs)
    pair = [tl.strip(model), tl.strip(small)]
    with tempfile.TemporaryDirectory() as folder:
        keras_calls = [FORMATS[".keras"].call(Path(), each, {}, inputs) for each in pair]
        lite_calls = []
        for place, each in enumerate(pair):
            write_plain_lite(each, path := Path(folder) / f"{place}.tflite")
            lite_calls.append(FORMATS[".tflite"].call(path, each, {}, inputs))
        times = [side_by_side(calls) for calls in (keras_calls, lite_calls)]
    flops = found.flops_after.dense / found.flops_before.dense
    return (
        f"{found.parameters_before / 1e6:.2f}M -> {found.parameters_after / found.parameters_before:.2f}",
        f"{flops:.2f}",
        *(f"{dense:.1f} -> {fewer:.1f} ({dense / fewer:.2f}x)" for dense, fewer in times),
        f"{found.largest_difference:.0e}",
    )


def _training(*, rounds: int, quick: bool) -> str:
    """Time Keras' steps of masked networks and of the same shrunk, in turn."""
    import tf_lottery as tl
    from tf_lottery.lazy_tf import keras
    from tf_lottery.networks import registry

    rows = []
    cases = (("lenet_300_100", "global_magnitude", 0.044), ("resnet20", "group_magnitude", 0.5))
    for name, heuristic, density in cases[:1] if quick else cases:
        shape = (28, 28, 1) if name.startswith("lenet") else (32, 32, 3)
        masked = tl.prunable(registry.find(name).build(shape=shape, classes=10, l2=0.0))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        masked.compile(tl.MomentumSGD(0.01), loss, steps_per_execution=10)
        tl.prune(masked, density, heuristic=heuristic)
        shrunk, found = tl.shrink(masked)
        generator = np.random.default_rng(0)
        count = _BATCH * (10 if quick else _STEPS)
        data = generator.normal(size=(count, *shape)).astype(np.float32), generator.integers(0, 10, count)
        seconds = [[_epoch(model, data) for model in (masked, shrunk)] for _ in range(rounds + 1)][1:]
        ratio = float(np.median([one / other for one, other in seconds]))
        flops = found.flops_after.dense / found.flops_before.dense
        rows.append((f"{name}, {heuristic}, {density:g}", f"{flops:.2f}", f"{ratio:.2f}x"))
    head = ("network", "FLOPs left", "a training step is faster by")
    return f"### Training on the shrunk network, `fit` in batches of {_BATCH}\n\n" + table(head, rows)


def _epoch(model: Any, data: tuple[Any, Any]) -> float:
    began = time.perf_counter()
    model.fit(*data, batch_size=_BATCH, epochs=1, verbose=0, shuffle=False)
    return time.perf_counter() - began
