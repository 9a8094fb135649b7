"""The finished stages of a store as analyses read them: from their files, without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.store import Store, point_path
from tf_lottery.networks import registry as networks
from tf_lottery.networks.recipes import Training
from tf_lottery.pruning.state_names import unnumbered
from tf_lottery.rewinding.techniques import TECHNIQUES

IDENTITY = (
    *("network", "dataset", "training", "seed", "trial", "technique", "heuristic", "schedule", "retrain_epochs"),
    "density",
)


class Finished:
    """A stage that is done; its arrays are read when they are asked for, and not kept."""

    def __init__(self, store: Store, result: dict[str, Any]) -> None:
        self._store, self.result, self.name = store, result, str(result["stage"])

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What `spec.json` says."""
        return dict(json.loads((self._store.folder(self.name) / "spec.json").read_text(encoding="utf-8")))

    @property
    def identity(self) -> dict[str, Any]:
        """The columns that say which network it is."""
        return {column: self.result[column] for column in IDENTITY}

    @property
    def is_dense(self) -> bool:
        """Whether nothing was pruned."""
        return bool(self.spec["kind"] == "train")

    def arrays(self) -> Arrays:
        """Return the whole state at the end."""
        return checkpoint.read(self._store.final(self.name))[0]

    @property
    def dense_spec(self) -> dict[str, Any]:
        """What `spec.json` says of the dense training at the root."""
        return dict(self.spec.get("dense", self.spec))

    @property
    def masks(self) -> Arrays:
        """The masks at the end, [*kernel] by name, in the order of the layers."""
        return self.masks_of(self.arrays())

    def masks_of(self, arrays: Arrays) -> Arrays:
        """Return those of a state of this network in the order of its layers, on which rates by layer may depend.

        A file has them in any.
        """
        found = {name.removeprefix("masks/"): array for name, array in arrays.items() if name.startswith("masks/")}
        return {name: found[name] for name in self._kernels if name in found} | found

    def start(self) -> Arrays | None:
        """Return the weights that the stage began with, before its mask; None if they are not kept.

        Those of fresh weights never are, and those of a dense training only as a rewind point of step 0.
        """
        if self.is_dense:
            return self._point(self.name, 0)
        technique = TECHNIQUES[self.spec["technique"]]
        if technique.weights == "trained":
            return _weights(checkpoint.read(self._store.final(self.spec["parent"]))[0])
        if technique.weights == "fresh":
            return None
        training = self.training
        step = training.total_steps - training.steps_in(self.spec["retrain_epochs"])
        return self._point(self.dense_name, step)

    @property
    def training(self) -> Training:
        """How the dense network was trained."""
        told = self.dense_spec["training"]
        return Training(**{**told, "drops": tuple(told["drops"])})

    @property
    def dense_name(self) -> str:
        """The dense stage at the root."""
        name, folder = self.name, self._store.folder
        while (told := json.loads((folder(name) / "spec.json").read_text(encoding="utf-8")))["kind"] != "train":
            name = told["parent"]
        return name

    @cached_property
    def _kernels(self) -> list[str]:
        network, dataset = networks.find(self.dense_spec["network"]), DATASETS[self.dense_spec["dataset"]]
        shapes = network.kernel_shapes
        return unnumbered(shapes(shape=dataset.shape, classes=dataset.classes)) if shapes else []

    def _point(self, dense: str, step: int) -> Arrays | None:
        path = point_path(self._store.folder(dense), step)
        return _weights(checkpoint.read(path)[0]) if path.exists() else None


def finished(store: Store) -> Iterator[Finished]:
    """Yield the stages that ended well, by name."""
    done = (result for result in store.results({}) if result["status"] == "done")
    for result in sorted(done, key=lambda result: str(result["stage"])):
        yield Finished(store, result)


def _weights(arrays: Arrays) -> Arrays:
    return {name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")}


def kernels(arrays: Arrays, masks: Arrays) -> Arrays:
    """Return the weights that have masks, by kernel, in the masks' order."""
    weights = _weights(arrays) if any(name.startswith("weights/") for name in arrays) else arrays
    return {name: np.asarray(weights[name]) for name in masks}
