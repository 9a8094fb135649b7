"""Doing one stage: from its parent's checkpoint to its own result, in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tf_lottery import checkpoint
from tf_lottery.checkpoint import Arrays, DamagedCheckpointError
from tf_lottery.datasets import registry as datasets
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.plan import Stage, rewind_step
from tf_lottery.experiments.results_row import environment_digest, hparams, identity, to_csv, to_json
from tf_lottery.experiments.spec import RetrainSpec, Spec, TrainSpec
from tf_lottery.experiments.store import ParentLostError, Store, point_path, write_text
from tf_lottery.lazy_tf import keras
from tf_lottery.networks import registry as networks
from tf_lottery.pruning.flops import flops
from tf_lottery.pruning.prune import masks as masks_of
from tf_lottery.pruning.prune import prunable_kernels, prune
from tf_lottery.rewinding.schedules import Rates, Staircase
from tf_lottery.rewinding.techniques import TECHNIQUES
from tf_lottery.training.engine import DivergedError, Engine
from tf_lottery.training.randomness import Draws
from tf_lottery.training.tensorboard_log import TensorBoardLog

Metrics = dict[str, float]  # one epoch's row of metrics.csv
Report = Callable[[Stage, Metrics, float], None]  # stage, the epoch's metrics, images per second


class StageRunner:
    """Runs stages one after the other in this process, on as few compiled engines as possible."""

    def __init__(self, store: Store, execution: Execution, report: Report) -> None:
        self._store, self._execution, self._report = store, execution, report
        self._engines: dict[tuple[Any, ...], Engine] = {}

    def run(self, stage: Stage) -> None:
        """Do the stage, from where an interrupted run left it. The caller holds its lock and saw its parents done.

        Raises:
            ParentLostError: The parent's checkpoint is damaged; it was set aside.
            OSError: The disk is full, or the like; what was there before is whole.
        """
        started = time.monotonic()
        partial = self._store.partial(stage.name)
        (partial / "points").mkdir(parents=True, exist_ok=True)
        write_text(partial / "spec.json", to_json(stage.spec.to_json()))
        logging.info("stage %s begins", stage.name)
        try:
            result = self._train(stage, partial)
        except DivergedError as error:
            logging.error("stage %s failed: %s", stage.name, error)
            result = {"status": "failed", "message": str(error)} | identity(stage.spec)
        result["wall_seconds"] = round(time.monotonic() - started, 3)
        self._store.commit(stage.name, result)
        logging.info("stage %s ends", stage.name)

    def keep_points(self, dense: TrainSpec, steps: Sequence[int]) -> None:
        """Recreate rewind points that nobody had asked for when this training ran, under its lock.

        Each is trained again from the nearest earlier point, or from the initialisation: the same bytes, if the
        environment is the same.
        """
        missing = sorted(set(steps) - set(self._store.points(dense.name)))
        if not missing:
            return
        engine, draws = self._engine(dense), _draws(dense, 0)
        folder = self._store.folder(dense.name)
        (folder / "points").mkdir(exist_ok=True)
        step = self._nearest_point(engine, dense, missing[0], draws)
        total = dense.training.total_steps
        ends = sorted({0, *missing, *(end for end in dense.training.ends_of_epochs(total) if end <= missing[-1])})
        logging.info("rewind points %s of %s are made again from step %d", missing, dense.name, step)
        keeper = _PointKeeper(engine, folder, ends, frozenset(missing))
        if step in missing:
            keeper.keep(step)
        rates = _schedule(dense)(np.arange(total))
        engine.train(rates=rates, ends=ends, from_step=step, draws=draws, callbacks=[keeper])

    def _nearest_point(self, engine: Engine, dense: TrainSpec, before: int, draws: Draws) -> int:
        """Put the engine into the last kept state up to this step, and return its step."""
        for step, path in reversed(self._store.points(dense.name).items()):
            if step < before:
                try:
                    engine.put_state(checkpoint.read(path)[0], keep_masks=False)
                except DamagedCheckpointError as error:
                    self._store.set_point_aside(path, str(error))
                else:
                    return step
        engine.fresh_dense_state(draws)
        return 0

    def _train(self, stage: Stage, partial: Path) -> dict[str, Any]:
        spec, engine = stage.spec, self._engine(stage.spec.dense)
        draws = _draws(spec.dense, _depth(spec))
        rates = _rates(spec)
        ends = spec.dense.training.ends_of_epochs(len(rates))
        ends = tuple(sorted({*ends, *stage.rewind_points}))
        environment = engine.environment()
        step, history = self._resume(engine, partial, environment)
        asked = self._start(engine, spec, draws, put_state=step == 0)
        log = TensorBoardLog(partial)
        try:
            if isinstance(spec, RetrainSpec):
                log.pruned({name: kernel.numpy() for name, kernel, _ in prunable_kernels(engine.model)},
                           masks_of(engine.model))
            for metrics in history:
                log.epoch(metrics)
            keeper = _StageKeeper(self, stage, engine, partial, ends, rates, history, log, environment)
            if step == 0 and 0 in stage.rewind_points:
                keeper.keep(0)
            engine.train(rates=rates, ends=ends, from_step=step, draws=draws, callbacks=[keeper])
            result = _measure(spec, engine, asked, history, environment)
            checkpoint.write(partial / "final.safetensors", engine.state(), {"stage": stage.name, "step": len(rates)})
            write_text(partial / "metrics.csv", to_csv(history))
            log.result(hparams(spec), {name: result[name] for name in ("test_accuracy", "validation_accuracy")},
                       step=len(rates))
        finally:
            log.close()
        return result

    def _start(self, engine: Engine, spec: Spec, draws: Draws, *, put_state: bool) -> int:
        """Put the engine into the stage's first state, unless it goes on; return how many weights are to be kept."""
        if isinstance(spec, TrainSpec):
            if put_state:
                engine.fresh_dense_state(draws)
            return sum(mask.size for mask in masks_of(engine.model).values())
        if not put_state:
            return sum(int(mask.sum()) for mask in masks_of(engine.model).values())
        engine.put_state(self._read_final(spec.parent), keep_masks=False)
        report = prune(engine.model, spec.density, heuristic=spec.heuristic, seed=draws.integer("pruning"))
        technique = TECHNIQUES[spec.technique]
        if technique.weights == "rewound":
            step = rewind_step(spec)
            engine.put_state(self._read_point(spec.dense, 0 if step is None else step), keep_masks=True)
        elif technique.weights == "fresh":
            engine.put_fresh_state(draws)
        return report.kept

    def _resume(self, engine: Engine, partial: Path, environment: dict[str, Any]) -> tuple[int, list[Metrics]]:
        path = partial / "resume.safetensors"
        if not path.exists():
            return 0, []
        try:
            arrays, metadata = checkpoint.read(path)
        except DamagedCheckpointError as error:
            logging.warning("%s The stage begins again.", error)
            path.unlink()
            return 0, []
        if metadata["environment"] != environment:
            logging.warning(
                "%s was begun in another environment (%s) than it goes on in (%s): its last digits may differ from "
                "an uninterrupted run's.", partial.name, metadata["environment"], environment,
            )
        engine.put_state(arrays, keep_masks=False)
        logging.info("goes on from step %d", metadata["step"])
        return int(metadata["step"]), list(metadata["history"])

    def _read_final(self, parent: Spec) -> Arrays:
        try:
            return checkpoint.read(self._store.final(parent.name))[0]
        except (DamagedCheckpointError, FileNotFoundError) as error:
            self._store.set_aside(parent.name, str(error))
            raise ParentLostError(parent.name) from error

    def _read_point(self, dense: TrainSpec, step: int) -> Arrays:
        path = point_path(self._store.folder(dense.name), step)
        for _ in range(2):
            while True:
                with self._store.claim(dense.name) as mine:
                    if mine:
                        self.keep_points(dense, [step])
                        break
                time.sleep(0.1)
            try:
                return checkpoint.read(path)[0]
            except DamagedCheckpointError as error:
                self._store.set_point_aside(path, str(error))
        raise OSError(f"{path} is damaged whenever it is written. Check the disk.")

    def _engine(self, dense: TrainSpec) -> Engine:
        key = (dense.network, dense.dataset, dense.training)
        if key not in self._engines:
            keras.backend.clear_session()
            execution = self._execution
            splits = datasets.load(dense.dataset, data_dir=execution.data_dir, download=execution.download)
            self._engines = {
                key: Engine(
                    networks.find(dense.network),
                    datasets.DATASETS[dense.dataset],
                    splits,
                    dense.training,
                    jit=execution.jit,
                )
            }
        return self._engines[key]


class _PointKeeper(keras.callbacks.Callback):
    """Keeps the whole training state at some steps of a dense training."""

    def __init__(self, engine: Engine, folder: Path, ends: Sequence[int], points: frozenset[int]) -> None:
        super().__init__()
        self._engine, self._folder, self._ends, self._points = engine, folder, ends, points

    def keep(self, step: int) -> None:
        checkpoint.write(point_path(self._folder, step), self._engine.state(), {"step": step})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        if (step := self._ends[epoch + 1]) in self._points:
            self.keep(step)


class _StageKeeper(_PointKeeper):
    """At each epoch's end: rewind points, the row of metrics, TensorBoard, progress, and what a later run resumes."""

    def __init__(
        self,
        runner: StageRunner,
        stage: Stage,
        engine: Engine,
        partial: Path,
        ends: Sequence[int],
        rates: Rates,
        history: list[Metrics],
        log: TensorBoardLog,
        environment: dict[str, Any],
    ) -> None:
        super().__init__(engine, partial, ends, frozenset(stage.rewind_points))
        self._runner, self._stage, self._rates = runner, stage, rates
        self._history, self._log, self._environment = history, log, environment
        self._began = self._checkpointed = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del epoch, logs
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        step = self._ends[epoch + 1]
        names = {"loss": "loss", "accuracy": "accuracy", "val_loss": "validation_loss", "val_accuracy": "validation_accuracy"}
        metrics = {"epoch": epoch + 1, "step": step, "learning_rate": float(self._rates[step - 1])}
        metrics |= {ours: float((logs or {})[theirs]) for theirs, ours in names.items()}
        self._history.append(metrics)
        self._log.epoch(metrics)
        now = time.monotonic()
        if now - self._checkpointed >= self._runner._execution.checkpoint_seconds:
            metadata = {"step": step, "history": self._history, "environment": self._environment}
            checkpoint.write(self._folder / "resume.safetensors", self._engine.state(), metadata)
            self._checkpointed = now
        images = (step - self._ends[epoch]) * self._stage.spec.dense.training.batch_size
        self._runner._report(self._stage, metrics, images / max(now - self._began, 1e-9))


def _depth(spec: Spec) -> int:
    return 0 if isinstance(spec, TrainSpec) else 1 + _depth(spec.parent)


def _draws(dense: TrainSpec, depth: int) -> Draws:
    return Draws(seed=dense.seed, trial=dense.trial, depth=depth)


def _schedule(dense: TrainSpec) -> Staircase:
    return Staircase(peak=dense.training.learning_rate, drops=dense.training.drops)


def _rates(spec: Spec) -> Rates:
    total = spec.dense.training.total_steps
    if isinstance(spec, TrainSpec):
        return _schedule(spec)(np.arange(total))
    retrain = spec.dense.training.steps_in(spec.retrain_epochs)
    return _schedule(spec.dense)(TECHNIQUES[spec.technique].steps(total, retrain))


def _measure(
    spec: Spec, engine: Engine, asked: int, history: Sequence[Metrics], environment: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the result of a trained network; density and FLOPs are counted from its weights.

    Raises:
        RuntimeError: More weights are nonzero than were asked for: a mask did not hold.
    """
    kernels = [kernel.numpy() for _, kernel, _ in prunable_kernels(engine.model)]
    nonzero, total = sum(int(np.count_nonzero(kernel)) for kernel in kernels), sum(kernel.size for kernel in kernels)
    if nonzero > asked:
        raise RuntimeError(f"{spec.name}: {nonzero} weights are not zero, {asked} were asked for: a mask did not hold.")
    if nonzero < asked:
        logging.warning("%s: %d of the %d weights that are kept came out as exactly 0.", spec.name, asked - nonzero, asked)
    test, validation, costs = engine.evaluate("test"), engine.evaluate("validation"), flops(engine.model)
    return identity(spec) | {
        "status": "done",
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "validation_accuracy": validation.accuracy,
        "validation_loss": validation.loss,
        "flops": costs.effective,
        "dense_flops": costs.dense,
        "kept_weights": nonzero,
        "prunable_weights": total,
        "steps": int(history[-1]["step"]),
        "environment": environment_digest(environment),
        "environment_record": dict(environment),
    }
