"""What the flags ask for: every name looked up, every number checked."""

from __future__ import annotations

from tf_lottery.command.flags import FLAGS
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.grid import Grid
from tf_lottery.lookup import lookup
from tf_lottery.networks import registry as networks
from tf_lottery.networks.recipes import PRECISIONS, default_recipe, resolve
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.rewinding.techniques import TECHNIQUES

SCHEDULES = {
    "one_shot": "prune once to the density",
    "iterative": "prune 20% of what is left, retrain, repeat",
}
_DEFAULT_DENSITIES = {"one_shot": (0.512, 0.2097, 0.1074, 0.044), "iterative": (0.8**14,)}


class UsageError(Exception):
    """What the user asked for cannot be."""


def grids() -> list[Grid]:
    """Return what the flags ask for; every name is looked up, every number checked.

    One for each list of densities: that of heuristics that prune to any, and each other one's own.
    """
    lookup("dataset", DATASETS, FLAGS.dataset)
    networks.find(FLAGS.network)
    lookup("schedule", SCHEDULES, FLAGS.schedule)
    for name in FLAGS.strategy:
        lookup("strategy", TECHNIQUES, name)
    for name in FLAGS.heuristic:
        lookup("heuristic", HEURISTICS, name)
    for flag in ("strategy", "heuristic"):
        if not FLAGS[flag].value:
            raise UsageError(f"--{flag} is empty: expected one or more, with commas.")
    for flag, least in (("trials", 1), ("seed", 0), ("epochs", 1), ("batch_size", 1)):
        if FLAGS[flag].value is not None and FLAGS[flag].value < least:
            raise UsageError(f"--{flag}={FLAGS[flag].value}: expected {least} or more.")
    if FLAGS.learning_rate is not None and not 1e-36 <= FLAGS.learning_rate <= 1e38:
        raise UsageError(f"--learning_rate={FLAGS.learning_rate}: expected 1e-36 to 1e38, what float32 can hold.")
    lookup("precision", dict.fromkeys(PRECISIONS), FLAGS.precision)
    training = resolve(
        FLAGS.recipe or default_recipe(FLAGS.network, FLAGS.dataset),
        examples=DATASETS[FLAGS.dataset].train_examples,
        epochs=FLAGS.epochs,
        batch_size=FLAGS.batch_size,
        learning_rate=FLAGS.learning_rate,
        precision=FLAGS.precision,
    )
    by_densities: dict[tuple[float, ...], list[str]] = {}
    for name in dict.fromkeys(FLAGS.heuristic):
        by_densities.setdefault(_densities(name), []).append(name)
    return [
        Grid(
            network=FLAGS.network,
            dataset=FLAGS.dataset,
            training=training,
            heuristics=tuple(names),
            schedule=FLAGS.schedule,
            techniques=tuple(dict.fromkeys(FLAGS.strategy)),
            densities=densities,
            retrain_epochs=_numbers("retrain_epochs", float(training.epochs)),
            trials=FLAGS.trials,
            seed=FLAGS.seed,
        )
        for densities, names in by_densities.items()
    ]


def execution() -> Execution:
    """Return how to run it."""
    lookup("executor", EXECUTORS, FLAGS.executor)
    lookup("choice for --jit", dict.fromkeys(("auto", "on", "off")), FLAGS.jit)
    lookup("choice for --input", dict.fromkeys(("auto", "memory", "stream")), FLAGS.input)
    if FLAGS.workers != "auto" and not (FLAGS.workers.isdecimal() and int(FLAGS.workers) > 0):
        raise UsageError(f"--workers={FLAGS.workers}: expected auto, or a number of processes, 1 or more.")
    return Execution(
        data_dir=FLAGS.data_dir,
        download=FLAGS.download,
        jit=FLAGS.jit,
        input=FLAGS.input,
        workers=None if FLAGS.workers == "auto" else int(FLAGS.workers),
        checkpoint_seconds=FLAGS.checkpoint_seconds,
    )


def _densities(name: str) -> tuple[float, ...]:
    """Return the densities to prune to by this heuristic."""
    heuristic, asked = HEURISTICS[name], _numbers("density", 1.0)
    if heuristic.any_density:
        asked = asked or _DEFAULT_DENSITIES[FLAGS.schedule]
    elif FLAGS.schedule != "one_shot":
        raise UsageError(f"--heuristic={name} prunes once, as in the paper: expected --schedule=one_shot.")
    network, dataset = networks.find(FLAGS.network), DATASETS[FLAGS.dataset]
    shapes = network.kernel_shapes(shape=dataset.shape, classes=dataset.classes) if network.kernel_shapes else {}
    try:
        return heuristic.densities(shapes, asked)
    except ValueError as error:
        more = " Each heuristic has densities of its own: leave out --density, or run them one by one."
        several = more if asked and len(FLAGS.heuristic) > 1 else ""
        raise UsageError(f"--heuristic={name} with --network={FLAGS.network}: {error}{several}") from None


def _numbers(flag: str, greatest: float) -> tuple[float, ...]:
    numbers, decimals = [], {"density": 10, "retrain_epochs": 6}[flag]  # that count in a spec
    for text in FLAGS[flag].value or ():
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not 0 < round(number, decimals) <= greatest:
            bound = "the T epochs of the dense training" if flag == "retrain_epochs" else "all weights"
            raise UsageError(
                f"--{flag}={text}: expected a number above 0, at most {greatest:g} ({bound}), to {decimals} decimals."
            )
        numbers.append(number)
    return tuple(dict.fromkeys(numbers))
