"""Doing one stage: from its parent's checkpoint to its own result, in the store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from absl import logging

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays, DamagedCheckpointError
from tf_lottery.datasets import registry as datasets
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.background import BackgroundWriter
from tf_lottery.experiments.environments import check_data, differences
from tf_lottery.experiments.evaluations import EVALUATIONS, EvaluatesSteps, outcome
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.keepers import METRICS, EpochKeeper, Going, PointKeeper, going_path
from tf_lottery.experiments.layer_rows import LAYERS, layer_rows
from tf_lottery.experiments.litter import sweep
from tf_lottery.experiments.measure import measure
from tf_lottery.experiments.plan import Stage, prune_step, rewind_step
from tf_lottery.experiments.results_row import hparams, identity, to_csv, to_json
from tf_lottery.experiments.spec import RetrainSpec, Spec, TrainSpec
from tf_lottery.experiments.store import ParentLostError, Store, point_path, write_text
from tf_lottery.experiments.waiting import Patience
from tf_lottery.lazy_tf import keras
from tf_lottery.networks import registry as networks
from tf_lottery.plain import plain
from tf_lottery.pruning.criterion import CannotCollectError
from tf_lottery.pruning.heuristics import find
from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.pruning.prune import masks, prune_by
from tf_lottery.rewinding.retraining import Momenta, Retraining
from tf_lottery.rewinding.schedules import Rates, original_rates
from tf_lottery.rewinding.techniques import TECHNIQUES
from tf_lottery.training.engine import DivergedError, Engine
from tf_lottery.training.randomness import Draws
from tf_lottery.training.tensorboard_log import TensorBoardLog

Report = Callable[[Stage, Mapping[str, float], float], None]  # stage, the epoch's metrics, images per second


class StageRunner:
    """Runs stages one after the other in this process, on one compiled engine as long as they share it."""

    def __init__(self, store: Store, execution: Execution, report: Report) -> None:
        """Run into this store."""
        self._store, self._execution, self._report = store, execution, report
        self._engine_key: tuple[Any, ...] = ()
        self._engine_: Engine | None = None

    def run(self, stage: Stage) -> None:
        """Do the stage, from where an interrupted run left it. The caller holds its lock and saw its parents done.

        Raises:
            ParentLostError: The parent's checkpoint is damaged; it was set aside.
            OSError: The disk is full, or the like; what was there before is whole.
        """
        started = time.monotonic()
        # First: data that are refused leave no beginning behind.
        self.engine(stage.spec.dense, holds=_holds(stage.spec))
        folder = self._store.partial(stage.name)
        self._store.set_foreign_beginning_aside(stage.name, stage.spec.digest)
        (folder / "points").mkdir(parents=True, exist_ok=True)
        write_text(folder / "spec.json", to_json(stage.spec.to_json()))
        logging.info("stage %s begins", stage.name)
        try:
            result = self._train(stage, folder)
        except (DivergedError, CannotCollectError) as error:
            logging.info("stage %s failed: %s", stage.name, error)
            result = {"status": "failed", "message": str(error)} | identity(stage.spec)
        result["wall_seconds"] = round(time.monotonic() - started, 3)
        self._store.commit(stage.name, result)
        logging.info("stage %s ends", stage.name)

    def engine(self, dense: TrainSpec, *, holds: bool = False) -> Engine:
        """Return the engine of this training: the last one, if only its length or its rates differ.

        Args:
            dense: The training.
            holds: Whether it can train some layers only.
        """
        key = (dense.network, dense.dataset, dense.training.compiled_part, holds)
        if self._engine_ is None or key != self._engine_key:
            keras.backend.clear_session()
            execution = self._execution
            splits = datasets.load(dense.dataset, data_dir=execution.data_dir, download=execution.download)
            network, dataset = networks.find(dense.network), DATASETS[dense.dataset]
            engine = Engine(
                network, dataset, splits, dense.training, jit=execution.jit, input_choice=execution.input, holds=holds
            )
            here = engine.environment()
            for result in self._store.results({}):
                if result["dataset"] == dense.dataset:
                    check_data(result["stage"], result.get("environment_record", {}), here)
            self._engine_, self._engine_key = engine, key
        return self._engine_

    def _train(self, stage: Stage, folder: Path) -> dict[str, Any]:
        spec, engine = stage.spec, self.engine(stage.spec.dense, holds=_holds(stage.spec))
        draws, training, environment = _draws(spec), spec.dense.training, engine.environment()
        for parent in stage.parents:
            check_data(parent, (self._store.result(parent) or {}).get("environment_record", {}), environment)
        going = self._go_on(engine, folder, environment)
        if going is None:
            pruned = self._start(engine, spec, draws, folder)
            # What tf_lottery.check compares with what the stage should have started from.
            write_text(folder / "start.json", to_json(checkpoint.array_digests(engine.state())))
            write_text(folder / "start_accuracy.json", to_json(_accuracies(engine, spec)))
            going = Going(step=0, history=[], pruned=pruned)
        rates = _rates(spec, going.pruned)
        ends = tuple(sorted({*training.ends_of_epochs(len(rates)), *stage.rewind_points}))
        started = _read_json(folder / "start_accuracy.json")
        asked = sum(int(mask.sum()) for mask in masks(engine.model).values())
        with closing(TensorBoardLog(folder)) as log, BackgroundWriter() as writer:
            points = PointKeeper(engine, writer, folder, ends, frozenset(stage.rewind_points))
            if going.step == 0 and 0 in stage.rewind_points:
                points.keep(0)
            kernels = {name: kernel.numpy() for name, kernel, _ in prunable_kernels(engine.model)}
            log.pruned(kernels, masks(engine.model))
            for metrics in going.history:
                log.epoch(metrics)
            for row in going.evaluations:
                log.evaluation(row)
            epochs = EpochKeeper(
                engine=engine,
                writer=writer,
                folder=folder,
                ends=ends,
                rates=rates,
                batch_size=training.batch_size,
                going=going,
                environment=environment,
                log=log,
                report=partial(self._report, stage),
                checkpoint_seconds=self._execution.checkpoint_seconds,
            )
            between: list[Any] = []
            if every := training.evaluate_steps:
                between = [
                    EvaluatesSteps(engine, every=every, last=len(rates), history=going.evaluations, log=log.evaluation)
                ]
            engine.train(
                rates=rates,
                momenta=_momenta(spec, len(rates)),
                ends=ends,
                from_step=going.step,
                draws=draws,
                callbacks=[*between, points, epochs],
                trained=spec.trained if isinstance(spec, RetrainSpec) else "all",
                adjusts_dropout=isinstance(spec, RetrainSpec) and TECHNIQUES[spec.technique].adjusts_dropout,
            )
            result = measure(spec, engine, asked=asked, environment=environment)
            result |= {"steps": len(rates)} | going.pruned | started
            if between:
                result |= outcome(going.evaluations, engine, first=_first_step(spec))
                write_text(folder / "evaluations.csv", to_csv(going.evaluations, EVALUATIONS))
            if engine.is_chain:
                write_text(folder / "layers.csv", to_csv(layer_rows(engine), LAYERS))
            accuracies = {name: result[name] for name in ("test_accuracy", "validation_accuracy")}
            name = "/".join(spec.name.split("/")[2:])
            log.result(hparams(spec), accuracies, step=len(rates), trial_id=name)
        checkpoint.write(folder / "final.safetensors", engine.state(), {"stage": stage.name, "step": len(rates)})
        write_text(folder / "metrics.csv", to_csv(going.history, METRICS))
        return result

    def _start(self, engine: Engine, spec: Spec, draws: Draws, folder: Path) -> dict[str, float]:
        """Put the engine into the stage's first state, and return what was pruned: p and D of `Retraining`."""
        if isinstance(spec, TrainSpec):
            engine.put_fresh_state(draws, keep_masks=False)
            return {}
        # First of all: a point that must be trained again takes the engine.
        step = rewind_step(spec)
        rewound = None if step is None else self._read_point(spec.dense, step)
        pruned_at = prune_step(spec)
        before = self._read_final(spec.parent) if pruned_at is None else self._read_point(spec.dense, pruned_at)
        engine.put_state(before, keep_masks=False)
        report = prune_by(
            find(spec.heuristic, spec.layer_densities),
            engine.model,
            spec.density,
            seed=draws.integer("pruning"),
            collect=engine.collector(draws),
            accuracy=lambda: engine.evaluate("validation").accuracy,
            remove_dead_units=spec.remove_dead_units,
        )
        if report.sensitivity:
            rows = [plain(row) for row in report.sensitivity]
            write_text(folder / "sensitivity.csv", to_csv(rows, list(rows[0])))
        if report.emptied:
            of = f"{report.kept} of {report.total} weights are kept"
            logging.warning("%s: nothing is left of %s; %s", spec.name, ", ".join(report.emptied), of)
        technique = TECHNIQUES[spec.technique]
        if rewound is not None:
            engine.put_state(rewound, keep_masks=True)
        elif technique.weights == "fresh":
            engine.put_fresh_state(draws, keep_masks=True)
        if technique.slots == "zeroed":
            engine.put_fresh_slots()
        return {"pruned_share": report.pruned_share, "removed_norm": report.removed_norm}

    def _go_on(self, engine: Engine, folder: Path, environment: Mapping[str, Any]) -> Going | None:
        """Put the engine where an interrupted run left this stage; None if there was none, or it was damaged."""
        path = going_path(folder)
        if not path.exists():
            return None
        try:
            arrays, metadata = checkpoint.read(path)
        except DamagedCheckpointError as error:
            logging.warning("%s The stage begins again.", error)
            path.unlink()
            return None
        check_data(f"what {folder} goes on from", metadata["environment"], environment)
        if differ := differences([metadata["environment"], environment]):
            logging.warning(
                "%s was begun in another environment than it goes on in (%s): its last digits may differ from an "
                "uninterrupted run's.",
                folder.name,
                differ,
            )
        engine.put_state(arrays, keep_masks=False)
        logging.info("%s goes on from step %d", folder.name, metadata["step"])
        # A checkpoint of an older version does not tell what was pruned: none of its techniques' rates depend on it.
        pruned, evaluations = dict(metadata.get("pruned", {})), list(metadata.get("evaluations", []))
        history = list(metadata["history"])
        return Going(step=int(metadata["step"]), history=history, pruned=pruned, evaluations=evaluations)

    def _read_final(self, parent: Spec) -> Arrays:
        path = self._store.final(parent.name)
        try:
            arrays, metadata = checkpoint.read(path)
            if metadata["stage"] == parent.name:
                return arrays
            why = f"{path} is of another stage, {metadata['stage']}"
        except FileNotFoundError:
            why = f"{path} is missing"
        except DamagedCheckpointError as error:
            why = str(error)
        self._store.set_aside(parent.name, why)
        raise ParentLostError(parent.name)

    def _read_point(self, dense: TrainSpec, step: int) -> Arrays:
        path = point_path(self._store.folder(dense.name), step)
        for _ in range(2):
            if not path.exists():
                self._make_point(dense, step)
            if (arrays := self._point(path, step)) is not None:
                return arrays
        raise OSError(f"{path} is damaged whenever it is written. Check the disk.")

    def _point(self, path: Path, step: int) -> Arrays | None:
        """Return the state in this file, None after setting it aside: it is damaged, or of another step."""
        try:
            arrays, metadata = checkpoint.read(path)
        except DamagedCheckpointError as error:
            self._store.set_point_aside(path, str(error))
            return None
        if metadata["step"] == step:
            return arrays
        self._store.set_point_aside(path, f"{path} is of step {metadata['step']}")
        return None

    def _make_point(self, dense: TrainSpec, step: int) -> None:
        """Make a rewind point that nobody had asked for when this training ran, or that was damaged.

        It is trained again from the nearest earlier point, or from the initialisation: the same bytes, if the
        environment is the same. Waits while another process makes it.
        """
        path, patience = point_path(self._store.folder(dense.name), step), Patience(self._store)
        while not path.exists():
            with self._store.claim(dense.name) as mine:
                if mine and not path.exists():
                    self._train_to_point(dense, step)
                    return
            patience.look([dense.name])
            time.sleep(0.1)

    def _train_to_point(self, dense: TrainSpec, step: int) -> None:
        engine, draws = self.engine(dense), _draws(dense)
        folder = self._store.folder(dense.name)
        (folder / "points").mkdir(exist_ok=True)
        sweep(folder / "points", seconds=0)
        begin = self._put_nearest_point(engine, dense, step, draws)
        logging.info("rewind point %d of %s is made again from step %d", step, dense.name, begin)
        # The epochs of the stage as it ran: the order of examples does not depend on them, but sums in metrics would.
        boundaries = dense.training.ends_of_epochs(dense.training.total_steps)
        ends = tuple(sorted({begin, step, *(end for end in boundaries if end < step)}))
        rates = _rates(dense, {})[:step]
        with BackgroundWriter() as writer:
            points = PointKeeper(engine, writer, folder, ends, frozenset({step}))
            if begin == step:
                points.keep(step)
            engine.train(rates=rates, ends=ends, from_step=begin, draws=draws, callbacks=[points])

    def _put_nearest_point(self, engine: Engine, dense: TrainSpec, before: int, draws: Draws) -> int:
        """Put the engine into the last kept state before this step, and return that state's step."""
        for step, path in reversed(self._store.points(dense.name).items()):
            if step < before and (arrays := self._point(path, step)) is not None:
                engine.put_state(arrays, keep_masks=False)
                return step
        engine.put_fresh_state(draws, keep_masks=False)
        return 0


def _accuracies(engine: Engine, spec: Spec) -> dict[str, float]:
    """Return what a pruned network does before it is retrained; of a dense one nothing is to be told."""
    if isinstance(spec, TrainSpec):
        return {}
    return {f"start_{split}_accuracy": engine.evaluate(split).accuracy for split in ("test", "validation")}


def _holds(spec: Spec) -> bool:
    return isinstance(spec, RetrainSpec) and spec.trained != "all"


def _read_json(path: Path) -> dict[str, Any]:
    """Return what was written beside a stage's beginning; {} if an older version began it."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _depth(spec: Spec) -> int:
    return 0 if isinstance(spec, TrainSpec) else 1 + _depth(spec.parent)


def _draws(spec: Spec) -> Draws:
    order_seed = spec.data_order_seed if isinstance(spec, RetrainSpec) else 0
    return Draws(seed=spec.dense.seed, trial=spec.dense.trial, depth=_depth(spec), order_seed=order_seed)


def _first_step(spec: Spec) -> int:
    """Return the step of the dense training that a stage's weights are of; 0 if they are trained or fresh ones."""
    return (rewind_step(spec) or 0) if isinstance(spec, RetrainSpec) else 0


def _rates(spec: Spec, pruned: Mapping[str, float]) -> Rates:
    if isinstance(spec, TrainSpec):
        return original_rates(spec.training)
    return TECHNIQUES[spec.technique].rates(Retraining.of(spec.dense.training, spec.retrain_epochs, **pruned))


def _momenta(spec: Spec, steps: int) -> Momenta | None:
    momenta = TECHNIQUES[spec.technique].momenta if isinstance(spec, RetrainSpec) else None
    return None if momenta is None else momenta(steps)
