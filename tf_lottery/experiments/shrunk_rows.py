"""What is left of the networks of a store when the channels that nothing reads are removed from them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.finished import IDENTITY, finished
from tf_lottery.experiments.store import Store
from tf_lottery.lazy_tf import keras
from tf_lottery.networks import registry as networks
from tf_lottery.pruning.channels.shrink import shrink
from tf_lottery.pruning.latency import side_by_side
from tf_lottery.pruning.prunable import prunable
from tf_lottery.pruning.saved_formats import FORMATS, write_plain_lite
from tf_lottery.pruning.strip import strip
from tf_lottery.pruning.trial_inputs import first_taken
from tf_lottery.rewinding.state import capture, restore
from tf_lottery.training.compiler import precision_of_layers

Row = dict[str, Any]

SHRUNK = (
    *IDENTITY,
    *("test_accuracy", "parameters", "shrunk_parameters", "dense_flops", "flops", "shrunk_flops"),
    *(
        "parameters_left",
        "flops_left",
        "shrunk_flops_left",
        "largest_difference",
        "milliseconds",
        "shrunk_milliseconds",
    ),
)


def shrunk_rows(store: Store, *, latency: bool = False) -> Iterator[Row]:
    """Yield parameters and FLOPs of each network as it is and shrunk (`tl.shrink`), whose outputs are the same.

    `flops` are those without zero weights, which no processor skips; `shrunk_flops` those of the smaller dense network.

    Args:
        store: Of the run.
        latency: Also measure one example in TFLite, on one thread, of the dense network and the shrunk one in turn.
    """
    made: dict[tuple[str, str, str], Any] = {}
    for stage in finished(store):
        told, training = stage.spec.get("dense", stage.spec), stage.training
        key = (told["network"], told["dataset"], training.precision)
        if key not in made:
            made = {key: _model(*key)}  # those of a network follow one another
        model = made[key]
        whole = {name: value for name, value in stage.arrays().items() if name.partition("/")[0] != "optimizer"}
        restore(model, capture(model) | whole, keep_masks=False)
        small, found = shrink(model)
        yield {
            **stage.identity,
            "test_accuracy": stage.result["test_accuracy"],
            "parameters": found.parameters_before,
            "shrunk_parameters": found.parameters_after,
            "dense_flops": found.flops_before.dense,
            "flops": found.flops_before.effective,
            "shrunk_flops": found.flops_after.dense,
            "parameters_left": found.parameters_after / found.parameters_before,
            "flops_left": found.flops_before.effective / found.flops_before.dense,
            "shrunk_flops_left": found.flops_after.dense / found.flops_before.dense,
            "largest_difference": found.largest_difference,
            **(_latency(model, small) if latency else {}),
        }


def _model(network: str, dataset: str, precision: Any) -> Any:
    keras.backend.clear_session()
    data = DATASETS[dataset]
    with precision_of_layers(precision):
        model = prunable(networks.find(network).build(shape=data.shape, classes=data.classes, l2=0.0))
    model.compile("sgd", "mse")  # whose optimizer has no slots
    return model


def _latency(model: Any, small: Any) -> Row:
    inputs, _ = first_taken(model)
    with tempfile.TemporaryDirectory() as folder:
        calls: list[Callable[[], Any]] = []
        for name, each in (("whole", strip(model)), ("shrunk", strip(small))):
            write_plain_lite(each, path := Path(folder) / f"{name}.tflite")
            calls.append(FORMATS[".tflite"].call(path, each, {}, inputs[:1]))
        before, after = side_by_side(calls)
    return {"milliseconds": before, "shrunk_milliseconds": after}
