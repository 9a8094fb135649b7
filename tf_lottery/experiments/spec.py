"""What a stage is, as plain frozen data: the same work has the same name, in any process, on any machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tf_lottery.networks.recipes import Training
from tf_lottery.plain import later, plain
from tf_lottery.rewinding.techniques import TECHNIQUES

# Counts up when the same spec would give other numbers: then old results keep their names, and new ones get new.
NUMERICAL_FORMAT = 1

DENSITY_DECIMALS, EPOCHS_DECIMALS = 10, 6  # that count: nearer ones are the same

# "control": what an iterative chain's level before trained is pruned, and retrained otherwise than the chain does.
Schedule = Literal["one_shot", "iterative", "at_initialization", "control"]


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """Train a dense network."""

    network: str
    dataset: str
    training: Training
    seed: int
    trial: int  # 1 or more
    numerical_format: int = NUMERICAL_FORMAT

    @property
    def dense(self) -> TrainSpec:
        """The training at the root of this stage: itself."""
        return self

    @property
    def epochs(self) -> int:
        """How long the stage trains."""
        return self.training.epochs

    @property
    def search_cost(self) -> float:
        """Retraining epochs spent to reach this network: none."""
        return 0.0

    @cached_property
    def name(self) -> str:
        """A readable folder, with the head of the hash: `digits/lenet_300_100/trial_1/dense-1a2b3c4d`."""
        return f"{self.dataset}/{self.network}/trial_{self.trial}/dense-{self.digest[:8]}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that fixes the result, in hexadecimal digits."""
        return _sha256({"kind": "train"} | plain(self))

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain values, for people and for `spec.json`."""
        return {"kind": "train", "digest": self.digest} | plain(self)


@dataclass(frozen=True, kw_only=True)
class RetrainSpec:
    """Prune what the parent stage trained, and retrain it."""

    parent: TrainSpec | RetrainSpec
    heuristic: str
    schedule: Schedule
    technique: str
    density: float  # in (0, 1], of the whole network's prunable weights
    retrain_epochs: float  # t, in (0, T]
    layer_densities: tuple[tuple[str, float], ...] = later(())  # (kernel, density) of each kernel; () for one density
    # Which layers move; what the others have, slots too, stays as it is.
    trained: Literal["all", "dense", "convolutional"] = later("all")
    remove_dead_units: bool = later(False)  # also the connections of units without inputs or outputs go
    data_order_seed: int = later(0)  # another order of examples and other augmentation, of the same weights

    def __post_init__(self) -> None:
        total = self.dense.training.epochs
        # 0.8**3 and 0.512 differ in their last bit and are one density.
        density = round(float(self.density), DENSITY_DECIMALS)
        epochs = round(float(self.retrain_epochs), EPOCHS_DECIMALS)
        if not 0 < density <= 1:
            raise ValueError(f"--density={self.density:g}: expected 1e-10 to 1; ten decimals of it count.")
        if not 0 < epochs <= total:
            raise ValueError(
                f"--retrain_epochs={self.retrain_epochs:g}: expected 1e-06 to T = {total}, the epochs of the dense "
                "training; six decimals of it count."
            )
        by_layer = tuple((name, round(float(value), DENSITY_DECIMALS)) for name, value in self.layer_densities)
        object.__setattr__(self, "layer_densities", by_layer)
        object.__setattr__(self, "density", density)
        object.__setattr__(self, "retrain_epochs", epochs)

    @cached_property
    def dense(self) -> TrainSpec:
        """The training at the root of this stage."""
        return self.parent.dense

    @property
    def trial(self) -> int:
        """The trial of the dense network."""
        return self.dense.trial

    @property
    def epochs(self) -> float:
        """How long the stage trains, as its technique says."""
        return TECHNIQUES[self.technique].epochs(self.dense.training.epochs, self.retrain_epochs)

    @cached_property
    def search_cost(self) -> float:
        """All retraining epochs spent to reach this network, those of its parents included."""
        return self.parent.search_cost + self.epochs

    @cached_property
    def name(self) -> str:
        """A readable folder, with the head of the hash."""
        dense = self.dense
        return (
            f"{dense.dataset}/{dense.network}/trial_{dense.trial}/{self.technique}-{self.schedule}-{self.heuristic}"
            f"-t{self.retrain_epochs:g}-density_{self.density:.4f}-{self.digest[:8]}"
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that fixes the result, the parents' included, in hexadecimal digits."""
        return _sha256({"kind": "retrain"} | self._fields() | {"parent": self.parent.digest})

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain values, for people and for `spec.json`."""
        return (
            {"kind": "retrain", "digest": self.digest}
            | self._fields()
            | {
                "parent": self.parent.name,
                "dense": self.dense.to_json(),
            }
        )

    def _fields(self) -> dict[str, Any]:
        return plain(self, without=("parent",))


Spec = TrainSpec | RetrainSpec


def _sha256(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
