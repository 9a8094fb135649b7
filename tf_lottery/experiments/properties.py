"""What must hold in every run store, whatever was run: checked from the files alone, without TensorFlow."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays, DamagedCheckpointError
from tf_lottery.experiments.finished import Finished
from tf_lottery.experiments.store import Store, point_path
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.heuristic import Heuristic
from tf_lottery.pruning.shuffled import Shuffled
from tf_lottery.pruning.state_names import unnumbered
from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.schedules import Rates, original_rates
from tf_lottery.rewinding.techniques import TECHNIQUES

Masks = dict[str, Any]  # [*kernel] by the kernel's name, 1 keeps


@dataclass
class Findings:
    """What a check found."""

    stages: int = 0
    faults: list[str] = field(default_factory=list)  # "STAGE: what does not hold"
    unchecked: Counter[str] = field(default_factory=Counter)  # what could not be checked, by why


class _Stage(Finished):
    """A finished stage as its files tell it; each is read when it is needed."""

    def __init__(self, store: Store, result: dict[str, Any]) -> None:
        super().__init__(store, result)
        self.folder = store.folder(self.name)

    def arrays(self) -> Arrays:
        return _arrays(self.folder / "final.safetensors")

    @property
    def final(self) -> Arrays:
        return self.arrays()

    @cached_property
    def begun(self) -> dict[str, str]:
        """Digests of the arrays it started from; {} if an older version made it."""
        path = self.folder / "start.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    @cached_property
    def orders(self) -> list[str]:
        """What tells the order of examples of each epoch; [] if an older version made it."""
        with (self.folder / "metrics.csv").open(encoding="utf-8") as file:
            return [row["order"] for row in csv.DictReader(file) if row.get("order")]

    @property
    def kernels(self) -> Arrays:
        return {name: self.final[f"weights/{name}"] for name in self.masks}

    @property
    def rates(self) -> dict[int, float]:
        """The learning rate of the last step of each epoch, as it was told, by how many steps were done then."""
        with (self.folder / "metrics.csv").open(encoding="utf-8") as file:
            return {int(row["step"]): float(row["learning_rate"]) for row in csv.DictReader(file)}

    @property
    def trained(self) -> set[str]:
        """Names of the weights that have optimizer slots: those that are trained."""
        slots = {name.partition("/")[2].partition("/")[2] for name in self.final if name.startswith("optimizer/")}
        return {name for name in slots if f"weights/{name}" in self.final}

    def point(self) -> Path:
        """Return where the dense training has the point that this stage's technique rewinds weights to."""
        training = self.training
        return point_path(self.folder, training.total_steps - training.steps_in(self.spec["retrain_epochs"]))


def check(store: Store) -> Findings:
    """Check every finished stage of a store; failed ones have nothing to check."""
    _arrays.cache_clear()
    found = Findings()
    stages = {}
    for result in store.results({}):
        if result["status"] == "done":
            stages[result["stage"]] = _Stage(store, result)
    for name in sorted(stages):
        stage = stages[name]
        found.stages += 1
        try:
            faults = list(_faults_of(stage, stages, found.unchecked))
        except DamagedCheckpointError as error:
            faults = [str(error)]
        except FileNotFoundError as error:
            faults = [f"lacks {error.filename}"]
        found.faults += [f"{name}: {fault}" for fault in faults]
    found.faults += _among_trials(stages)
    return found


@lru_cache(maxsize=4)  # a stage's, its parent's and its point's; those of 10,000 stages do not fit into memory
def _arrays(path: Path) -> Arrays:
    return checkpoint.read(path)[0]


def _faults_of(stage: _Stage, stages: dict[str, _Stage], unchecked: Counter[str]) -> Iterator[str]:
    yield from _held(stage)
    yield from _order(stage)
    if not stage.begun:
        unchecked["start not recorded by the version that made the stage"] += 1
    if stage.is_dense:
        if any((mask != 1).any() for mask in stage.masks.values()):
            yield "a dense network has masks that do not keep everything"
        yield from _moved(stage)
        yield from _rates(stage, original_rates(stage.training))
        return
    parent, dense = stages.get(stage.spec["parent"]), stages.get(_dense_name(stage, stages))
    if parent is None or dense is None:
        unchecked["its parent is not in the store"] += 1
        return
    yield from _moved(stage)
    yield from _cost(stage, parent)
    if (before := _pruned(stage, parent, dense)) is None:
        unchecked["the point that it prunes is not in the store"] += 1
    else:
        yield from _pruned_from(stage, before)
        yield from _retraining_rates(stage, parent.trained, before)
    if stage.orders and parent.orders and stage.orders[0] == parent.orders[0]:
        yield "its examples come in the order of the parent stage"
    if stage.begun:
        yield from _started(stage, parent, dense, unchecked)


def _dense_name(stage: _Stage, stages: dict[str, _Stage]) -> str:
    name = stage.spec["parent"]
    while name in stages and not stages[name].is_dense:
        name = stages[name].spec["parent"]
    return str(name)


def _held(stage: _Stage) -> Iterator[str]:
    """Masks are masks, hold, and are as many as the result says and the density asks for."""
    kept = 0
    for name, mask in stage.masks.items():
        if not np.isin(mask, (0, 1)).all():
            yield f"the mask of {name} is not 0 and 1"
        if leaked := int(np.count_nonzero(stage.kernels[name][mask == 0])):
            yield f"{leaked} weights of {name} are not 0 where the mask is"
        kept += int(np.count_nonzero(mask))
    nonzero = sum(int(np.count_nonzero(kernel)) for kernel in stage.kernels.values())
    if nonzero != stage.result["kept_weights"]:
        yield f"{nonzero} weights are not 0; its result says {stage.result['kept_weights']}"
    shapes = {name: kernel.shape for name, kernel in stage.kernels.items()}
    asked: int | None = sum(map(math.prod, shapes.values()))
    if not stage.is_dense:
        asked = _heuristic(stage).kept(shapes, stage.spec["density"])
    if asked is None:
        yield from _whole_channels(stage)
    elif kept != asked and not (stage.spec.get("remove_dead_units") and kept < asked):
        yield f"masks keep {kept} weights; its density asks for {asked}"


def _whole_channels(stage: _Stage) -> Iterator[str]:
    """A mask keeps all that stands at indices of every axis of which it keeps anything: no weight alone is gone."""
    for name, mask in stage.masks.items():
        kept = mask != 0
        product = np.ones(kept.shape, np.bool_)
        for axis in range(kept.ndim):
            others = tuple(each for each in range(kept.ndim) if each != axis)
            product &= kept.any(axis=others, keepdims=True)
        if alone := int(np.count_nonzero(product & ~kept)):
            yield f"{alone} weights of {name} are pruned alone, not with their channels"


def _pruned(stage: _Stage, parent: _Stage, dense: _Stage) -> Arrays | None:
    """Return the state that the stage pruned: its parent's last one, or the dense network's before its training."""
    if stage.spec["schedule"] != "at_initialization":
        return parent.final
    path = point_path(dense.folder, 0)
    return _arrays(path) if path.exists() else None


def _pruned_from(stage: _Stage, pruned: Arrays) -> Iterator[str]:
    """No weight comes back, and with a magnitude heuristic the smallest of the weights that were pruned went.

    The smallest of each kernel, whatever its rate, and with scope global of all of them together.
    """
    before = stage.masks_of(pruned)
    kernels = {name: pruned[f"weights/{name}"] for name in before}
    row = _heuristic(stage)
    if isinstance(row, Shuffled):
        of = row.of.choose(kernels=kernels, masks=before, density=stage.spec["density"], seed=0)
        yield from _as_many(stage, of)
        return
    for name, mask in stage.masks.items():
        if back := int(np.count_nonzero((mask != 0) & (before[name] == 0))):
            yield f"{back} weights of {name} are kept that the parent had pruned"
    # Connections of dead units go whatever their size.
    if not isinstance(row, ByWeight) or row.criterion != "magnitude" or stage.spec.get("remove_dead_units"):
        return
    scopes = [list(kernels)[: -1 if row.spares_output else None]] if row.scope == "global" else [[k] for k in kernels]
    for names in scopes:
        sizes = {name: np.abs(kernels[name]) for name in names}
        kept = min((sizes[name][stage.masks[name] != 0].min(initial=np.inf) for name in names), default=np.inf)
        went = [sizes[name][(stage.masks[name] == 0) & (before[name] != 0)].max(initial=0.0) for name in names]
        if max(went, default=0.0) > kept:
            yield f"a weight of {max(went):g} was pruned, and one of {kept:g} was kept ({', '.join(names[:3])})"


def _as_many(stage: _Stage, of: Masks) -> Iterator[str]:
    """Shuffled masks keep as many of each kernel as those that they are made of, and not the same."""
    for name, mask in stage.masks.items():
        if (kept := int(np.count_nonzero(mask))) != (there := int(np.count_nonzero(of[name]))):
            yield f"{kept} weights of {name} are kept; the masks that were shuffled keep {there}"
    if all(np.array_equal(mask, of[name]) for name, mask in stage.masks.items()) and any(
        mask.any() and not mask.all() for mask in of.values()
    ):
        yield "its masks were not shuffled"


def _heuristic(stage: _Stage) -> Heuristic:
    by_layer = stage.spec.get("layer_densities", ())
    names = unnumbered(name for name, _ in by_layer)
    return heuristics.find(
        stage.spec["heuristic"],
        zip(names, (density for _, density in by_layer), strict=True),
        density_of=stage.spec.get("density_of", "weights"),
    )


def _started(stage: _Stage, parent: _Stage, dense: _Stage, unchecked: Counter[str]) -> Iterator[str]:
    """A stage starts from parent or point under its masks, bit for bit; or, freshly initialised, from neither."""
    weights = TECHNIQUES[stage.spec["technique"]].weights
    if weights == "fresh":
        trained = checkpoint.array_digests(_masked(parent.final, stage.masks))
        same = [name for name in sorted(stage.masks) if stage.begun[f"weights/{name}"] == trained[f"weights/{name}"]]
        if same := [name for name in same if stage.masks[name].any()]:
            yield f"it does not start anew: {same[0]} is the parent's"
        return
    source = parent.final
    if weights == "rewound":
        path = dense.folder / "points" / stage.point().name
        if not path.exists():
            unchecked["the point it rewinds to is not in the store"] += 1
            return
        source = _arrays(path)
    if TECHNIQUES[stage.spec["technique"]].slots == "zeroed":
        source = source | {name: np.zeros_like(source[name]) for name in source if name.startswith("optimizer/")}
    expected = checkpoint.array_digests(_masked(source, stage.masks))
    whose = "the parent's trained state" if weights == "trained" else "the dense training's rewind point"
    if other := sorted(name for name in expected.keys() | stage.begun if expected.get(name) != stage.begun.get(name)):
        yield f"it does not start from {whose} under its masks: {len(other)} arrays differ, {other[0]} first"


def _masked(arrays: Arrays, masks: Masks) -> Arrays:
    """Return a state under other masks: what they do not keep is 0, in weights and slots."""
    masked = {}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        mask = masks.get(rest.partition("/")[2] if kind == "optimizer" else rest)
        if kind == "masks":
            masked[name] = masks[rest]
        elif mask is not None and mask.shape == array.shape:
            masked[name] = np.where(mask != 0, array, array.dtype.type(0))
        else:
            masked[name] = array
    return masked


def _moved(stage: _Stage) -> Iterator[str]:
    """Every trainable variable that is not pruned away is another one at the end."""
    if not stage.begun:
        return
    names = stage.trained
    end = checkpoint.array_digests({f"weights/{name}": stage.final[f"weights/{name}"] for name in names})
    trained = stage.spec.get("trained", "all")
    for name in sorted(names):
        kernel = stage.final.get(f"weights/{name.rpartition('/')[0]}/kernel")
        is_dense = kernel is not None and kernel.ndim == 2
        if trained != "all" and is_dense != (trained == "dense"):
            if stage.begun.get(f"weights/{name}") != end[f"weights/{name}"]:
                yield f"{name} moved, where only {trained} layers are trained"
            continue
        if stage.begun.get(f"weights/{name}") == end[f"weights/{name}"] and stage.masks.get(name, np.ones(1)).any():
            yield f"{name} did not move"


def _order(stage: _Stage) -> Iterator[str]:
    """No two epochs see the examples in one order."""
    for order, times in Counter(stage.orders).items():
        if times > 1:
            yield f"its examples come in one order ({order}) in {times} epochs"


def _cost(stage: _Stage, parent: _Stage) -> Iterator[str]:
    """The search cost is the parent's and all epochs of this stage."""
    technique = TECHNIQUES[stage.spec["technique"]]
    own = technique.epochs(stage.dense_spec["training"]["epochs"], stage.spec["retrain_epochs"])
    if not math.isclose(stage.result["search_cost"], parent.result["search_cost"] + own):
        yield f"its search cost is {stage.result['search_cost']:g}; expected {parent.result['search_cost'] + own:g}"


def _retraining_rates(stage: _Stage, trained: set[str], pruned_state: Arrays) -> Iterator[str]:
    """The rates are the technique's, of the weights that were pruned and what this stage's masks removed of them."""
    before, after = stage.masks_of(pruned_state), stage.masks
    left, kept = (sum(int(np.count_nonzero(mask)) for mask in masks.values()) for masks in (before, after))
    whole = {name: pruned_state[f"weights/{name}"].astype(np.float64) for name in {*trained, *before}}
    lost = [values[after[name] == 0] for name, values in whole.items() if name in after]
    norms = [math.sqrt(sum(float(np.vdot(part, part)) for part in parts)) for parts in (lost, whole.values())]
    pruned = {"pruned_share": 1 - kept / left, "removed_norm": norms[0] / norms[1]}
    for name, value in pruned.items():
        told = stage.result.get(name, value)  # an older version told neither
        if not math.isclose(told, value, rel_tol=1e-6, abs_tol=1e-12):
            yield f"its result says {name} {told:g}; the masks and the weights that were pruned say {value:g}"
    retraining = Retraining.of(stage.training, stage.spec["retrain_epochs"], **pruned)
    yield from _rates(stage, TECHNIQUES[stage.spec["technique"]].rates(retraining))


def _rates(stage: _Stage, expected: Rates) -> Iterator[str]:
    """Every rate that was told is the one expected, to the seven digits that are told."""
    told = stage.rates
    if told and max(told) != len(expected):
        yield f"it was trained for {max(told)} steps; expected {len(expected)}"
        return
    for step, rate in told.items():
        # A rate near the end of a schedule that falls to zero is what is left of larger numbers.
        if not math.isclose(rate, expected[step - 1], rel_tol=2e-6, abs_tol=1e-7 * float(expected.max())):
            yield f"its learning rate is {rate:g} at step {step - 1}; expected {expected[step - 1]:g}"
            return


def _among_trials(stages: dict[str, _Stage]) -> Iterator[str]:
    """Trials and seeds of one network share neither initial weights nor trained ones, nor the order of examples."""
    alike: dict[str, list[_Stage]] = defaultdict(list)
    for name in sorted(stages):
        if stages[name].is_dense:
            spec = stages[name].dense_spec
            key = {which: spec[which] for which in ("network", "dataset", "training", "numerical_format")}
            alike[json.dumps(key, sort_keys=True)].append(stages[name])
    for group in alike.values():
        for one, two in itertools.combinations(group, 2):
            pair = f"{one.name} and {two.name}"
            if one.orders and one.orders[:1] == two.orders[:1]:
                yield f"{pair}: their examples come in one order"
            if one.begun and any(one.begun[f"weights/{n}"] == two.begun.get(f"weights/{n}") for n in one.masks):
                yield f"{pair}: they start from the same weights"
            if any(np.array_equal(kernel, two.kernels[name]) for name, kernel in one.kernels.items()):
                yield f"{pair}: they end with the same weights"
