"""What the flags ask for: every name looked up, every number checked."""

from __future__ import annotations

from tf_lottery.command.asked_levels import (
    densities,
    layer_levels,
    levels_by_round,
    retrain_epochs,
)
from tf_lottery.command.flag_values import UsageError, known, number, numbers
from tf_lottery.command.flags import FLAGS
from tf_lottery.command.numbers import Number
from tf_lottery.command.refusals import check_names, check_size, check_training
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.grid import Grid
from tf_lottery.home import expanded
from tf_lottery.networks.recipes import Training, default_recipe, resolve

_WORKERS = Number(
    least=1, most=10_000, expected="auto, or a number of processes, 1 or more, at most 10000", is_whole=True
)
_SEEDS = Number(least=1, most=2**31 - 1, expected="a whole number, 1 or more", is_whole=True)


def grids() -> list[Grid]:
    """Return what the flags ask for; every name is looked up, every number checked.

    One for each list of densities: that of heuristics that prune to any, and each other one's own.
    """
    check_names()
    training = _asked_training()
    check_training(training)
    by_layer = layer_levels()
    by_densities: dict[tuple[float, ...], list[str]] = {}
    for name in dict.fromkeys(FLAGS.heuristic):
        by_densities.setdefault(densities(name), []).append(name)
    asked = [
        Grid(
            network=FLAGS.network,
            dataset=FLAGS.dataset,
            training=training,
            heuristics=tuple(names),
            schedule=FLAGS.schedule,
            techniques=tuple(dict.fromkeys(FLAGS.strategy)),
            densities=to,
            retrain_epochs=retrain_epochs(training),
            trials=FLAGS.trials,
            seed=FLAGS.seed,
            layer_levels=by_layer or levels_by_round(to),
            remove_dead_units=FLAGS.remove_dead_units,
            controls=tuple(dict.fromkeys(FLAGS.controls or ())),
            data_order_seeds=tuple(int(seed) for seed in numbers("data_order_seed", _SEEDS)),
            density_of=FLAGS.density_of,
            kept_per_level=FLAGS.kept_per_level,
            final_epochs=FLAGS.final_epochs,
        )
        for to, names in by_densities.items()
    ]
    check_size(asked)
    return asked


def _asked_training() -> Training:
    return resolve(
        FLAGS.recipe or default_recipe(FLAGS.network, FLAGS.dataset),
        examples=DATASETS[FLAGS.dataset].train_examples,
        epochs=FLAGS.epochs,
        batch_size=FLAGS.batch_size,
        learning_rate=FLAGS.learning_rate,
        precision=FLAGS.precision,
        lr_schedule=FLAGS.lr_schedule,
        warmup_epochs=FLAGS.warmup_epochs,
        fine_tune_rate=FLAGS.fine_tune_rate,
        evaluate_steps=FLAGS.evaluate_steps,
    )


def execution() -> Execution:
    """Return how to run it."""
    known("executor", EXECUTORS)
    for flag, choices in (("jit", ("auto", "on", "off")), ("input", ("auto", "memory", "stream"))):
        known(flag, dict.fromkeys(choices))
    try:
        data_dir = FLAGS.data_dir and str(expanded(FLAGS.data_dir))
    except ValueError as error:
        raise UsageError(f"--data_dir={error}") from None
    return Execution(
        data_dir=data_dir,
        download=FLAGS.download,
        jit=FLAGS.jit,
        input=FLAGS.input,
        workers=None if FLAGS.workers == "auto" else int(number("workers", FLAGS.workers, _WORKERS)),
        checkpoint_seconds=FLAGS.checkpoint_seconds,
    )
