#!/usr/bin/env python3
"""Train, prune, retrain and compare: one experiment of "Comparing Rewinding and Fine-tuning in Neural Network Pruning".

python run_experiment.py --strategy=weight_rewind
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Before TensorFlow is imported: convolutions on a CPU are two to three times as fast with oneDNN, which is not on by
# default on every processor; and TensorFlow's own start-up notes are no news to anybody.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags, logging

from tf_lottery.datasets.dataset import DamagedDataError, MissingDataError
from tf_lottery.datasets.known import DATASETS
from tf_lottery.datasets.registry import find as find_dataset
from tf_lottery.experiments.cost import epochs_of, estimated_seconds
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.local import WorkerDiedError
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.flagfiles import FlagfileError, expand
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.interrupt import end_on_interrupt
from tf_lottery.experiments.plan import Stage, plan
from tf_lottery.experiments.progress import Progress, duration
from tf_lottery.experiments.results_row import WrongDensityError
from tf_lottery.experiments.store import Store, StoreError, explain, write_text
from tf_lottery.lookup import lookup
from tf_lottery.networks import registry as networks
from tf_lottery.networks.recipes import PRECISIONS, RECIPES, default_recipe, resolve
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.rewinding.techniques import TECHNIQUES

FLAGS = flags.FLAGS
_HERE = Path(__file__).resolve().parent
_SCHEDULES = {
    "one_shot": "prune once to the density",
    "iterative": "prune 20% of what is left, retrain, repeat",
}
_DEFAULT_DENSITIES = {"one_shot": (0.512, 0.2097, 0.1074, 0.044), "iterative": (0.8**14,)}

flags.DEFINE_list("strategy", ["weight_rewind"], "How the pruned network is retrained: " + ", ".join(TECHNIQUES) + ".")
flags.DEFINE_list(
    "density",
    None,
    "Share of the prunable weights that is kept, above 0 to 1. Default: 0.044 for iterative; 0.512,0.2097,0.1074,0.044 "
    "for one_shot; all five that a structured heuristic has.",
)
flags.DEFINE_list(
    "retrain_epochs",
    None,
    "t, how long to retrain; rewinding goes back to epoch T - t. Default: T, or 0.9 T for the strategies that rewind "
    "weights.",
)
flags.DEFINE_string(
    "schedule", "iterative", "one_shot, or iterative: down by 20% of what is left to the smallest density."
)
flags.DEFINE_list("heuristic", ["global_magnitude"], "What is pruned: " + ", ".join(HEURISTICS) + ".")
flags.DEFINE_string("network", "lenet_300_100", "A network; NAME_x0.5 has half the units or filters.")
flags.DEFINE_string("dataset", "digits", "A dataset: " + ", ".join(DATASETS) + ".")
flags.DEFINE_string("recipe", None, "How the network is trained. Default: the one for the network and dataset.")
flags.DEFINE_integer("epochs", None, "T, epochs of the dense training. Default: the recipe's.")
flags.DEFINE_integer("batch_size", None, "Examples in a training step. Default: the recipe's.")
flags.DEFINE_float("learning_rate", None, "The rate before the first drop. Default: the recipe's.")
flags.DEFINE_string(
    "precision", "float32", "What layers compute in: float32, mixed_bfloat16 or mixed_float16. Changes results."
)
flags.DEFINE_integer("trials", 3, "Repetitions, each with random numbers of its own.")
flags.DEFINE_integer("seed", 0, "With the trial, fixes every random number.")
flags.DEFINE_string("output_dir", "runs", "The folder for results, figures, checkpoints and TensorBoard.")
flags.DEFINE_string("data_dir", None, "A folder to look for data in, before $TF_LOTTERY_DATA_DIR and the usual ones.")
flags.DEFINE_bool("download", False, "Let TensorFlow Datasets download what no folder has.")
flags.DEFINE_string("executor", "inline", "Who does the work: inline (this process) or local (several).")
flags.DEFINE_string("workers", "auto", "Processes of the local executor: a number, or auto, one a core.")
flags.DEFINE_string("jit", "auto", "XLA: on, off, or auto, the faster one for the network and device.")
flags.DEFINE_string(
    "input", "auto", "Examples: memory (all on the device), stream (as needed), or auto, by size and free memory."
)
flags.DEFINE_float("checkpoint_seconds", 10.0, "A killed run loses at most so much work, and the epoch under way.")
flags.DEFINE_bool("retry_failed", False, "Do stages again that failed, such as trainings that diverged.")
flags.DEFINE_bool("dry_run", False, "Print the stages, which are done, and what the others cost; run nothing.")
flags.DEFINE_bool("list", False, "Print all networks, datasets, recipes, heuristics and strategies.")

_SECTIONS = {
    "what to compare": ("strategy", "density", "retrain_epochs", "schedule", "heuristic", "trials", "seed"),
    "what to train": ("network", "dataset", "recipe", "epochs", "batch_size", "learning_rate", "precision"),
    "where": ("output_dir", "data_dir", "download"),
    "how to run": ("executor", "workers", "jit", "input", "checkpoint_seconds", "retry_failed", "dry_run", "list"),
}
_HELP_FLAGS = {"--help", "-help", "-h", "--helpshort", "-helpshort", "--helpfull", "-helpfull", "-?"}


class UsageError(Exception):
    """What the user asked for cannot be."""


def main(argv: Sequence[str]) -> int:
    """Do what the flags say, and return the exit status."""
    if not FLAGS["verbosity"].present:  # absl tells every INFO of a program unless told otherwise
        logging.set_verbosity(logging.WARNING)
    try:
        if len(argv) > 1:
            raise UsageError(f"unexpected {argv[1]!r}: flags begin with --, and lists take commas without spaces.")
        if FLAGS.list:
            print(_listing())
            return 0
        grids = _grids()
        execution = _execution()
        stages = plan(spec for grid in grids for spec in grid.specs())
        root = Path(FLAGS.output_dir).expanduser()
        if FLAGS.dry_run:
            print(_dry_run(stages, Store(root) if (root / "stages").is_dir() else None))
            return 0
        find_dataset(FLAGS.dataset, data_dir=execution.data_dir, download=execution.download)
        return _run(stages, root, execution)
    except (UsageError, ValueError) as error:
        return _complain(error, status=2)
    except (DamagedDataError, MissingDataError, StoreError, WorkerDiedError, WrongDensityError) as error:
        return _complain(error, status=1)
    except OSError as error:
        return _complain(explain(error, Path(FLAGS.output_dir)), status=1)


def _grids() -> list[Grid]:
    """Return what the flags ask for; every name is looked up, every number checked.

    One for each list of densities: that of heuristics that prune to any, and each other one's own.
    """
    lookup("dataset", DATASETS, FLAGS.dataset)
    networks.find(FLAGS.network)
    lookup("schedule", _SCHEDULES, FLAGS.schedule)
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
    if FLAGS.learning_rate is not None and not 0 < FLAGS.learning_rate < float("inf"):
        raise UsageError(f"--learning_rate={FLAGS.learning_rate}: expected a finite number above 0.")
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
    numbers = []
    for text in FLAGS[flag].value or ():
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not 0 < number <= greatest:
            bound = "the T epochs of the dense training" if flag == "retrain_epochs" else "all weights"
            raise UsageError(f"--{flag}={text}: expected a number above 0, at most {greatest:g} ({bound}).")
        numbers.append(number)
    return tuple(dict.fromkeys(numbers))


def _execution() -> Execution:
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


def _run(stages: Sequence[Stage], root: Path, execution: Execution) -> int:
    store = Store(root)
    if FLAGS.retry_failed:
        for stage in stages:
            if (result := store.result(stage.name)) and result["status"] != "done":
                store.forget(stage.name)
    done = {stage.name for stage in stages if store.is_done(stage.name)}
    todo = [stage for stage in stages if stage.name not in done]
    if todo:
        estimate = duration(estimated_seconds(todo, _results(stages, store)))
        found = f", {len(done)} are done" if done else ""
        print(
            f"{len(stages)} stages{found}; {epochs_of(todo):g} epochs to train, about {estimate} in one process",
            file=sys.stderr,
        )
    end_on_interrupt(lambda: print("\nStopped. What is done is kept: run the same command to go on.", file=sys.stderr))
    results = EXECUTORS[FLAGS.executor](stages, store, execution, Progress(stages, done))
    return _report(stages, results, store, root)


def _report(stages: Sequence[Stage], results: dict[str, dict[str, Any]], store: Store, root: Path) -> int:
    from tf_lottery import results as tables  # imports pandas: half a second

    ours = tables.table(results[stage.name] for stage in stages)
    if len(ours):
        print(tables.summary(ours).to_string(index=False), flush=True)
    write_text(root / "results.csv", tables.to_csv(tables.table(store.results(results))))
    # These import Matplotlib: another half, after the table stands there.
    from paper_figures.save import save_figures
    from paper_figures.tensorboard import log_figures

    figures = save_figures(ours, root / "figures") if (ours.technique != "dense").any() else []
    logs = {store.log_folder(stage.spec.dense.dataset, stage.spec.dense.network) for stage in stages}
    if figures:
        log_figures(figures, next(iter(logs)) if len(logs) == 1 else store.stages)
    tensorboard = Path(sys.executable).parent / "tensorboard"
    command = tensorboard if tensorboard.exists() else f"{sys.executable} -m tensorboard.main"
    print(f"\nresults      {root / 'results.csv'}")
    for figure in figures:
        print(f"figure       {figure} (and .svg, .csv)")
    print(f"TensorBoard  {command} --logdir {logs.pop() if len(logs) == 1 else store.stages}")
    if ours.environment.nunique() > 1:
        print(
            "\nThe rows were made in several environments (column environment; each stage's result.json says which): "
            "their last digits may differ by it.",
            file=sys.stderr,
        )
    failed = {name: result for name, result in results.items() if result["status"] == "failed"}
    not_run = sum(result["status"] == "not_run" for result in results.values())
    if not failed:
        return 0
    print(f"\n{len(failed)} stages failed, and {not_run} that build on them were not run:", file=sys.stderr)
    for name, result in failed.items():
        print(f"  {name}: {result['message']}", file=sys.stderr)
    print("Run again with --retry_failed to try them once more.", file=sys.stderr)
    return 1


def _results(stages: Sequence[Stage], store: Store) -> dict[str, dict[str, Any]]:
    found = {stage.name: store.result(stage.name) for stage in stages}
    return {name: result for name, result in found.items() if result is not None}


def _dry_run(stages: Sequence[Stage], store: Store | None) -> str:
    results = _results(stages, store) if store else {}
    lines = []
    for stage in stages:
        state = results[stage.name]["status"] if stage.name in results else "to do"
        if state == "to do" and store and store.partial(stage.name).is_dir():
            state = "begun"
        lines.append(f"{state:6}  {stage.spec.epochs:>5g} epochs  {stage.name}")
    todo = [stage for stage in stages if stage.name not in results]
    estimate = duration(estimated_seconds(todo, results))
    lines.append(
        f"{len(stages)} stages, {len(stages) - len(todo)} done; {epochs_of(todo):g} epochs to train, about {estimate} "
        "in one process"
    )
    return "\n".join(lines)


def _listing() -> str:
    sections: dict[str, dict[str, str]] = {
        "strategies": {name: technique.meaning for name, technique in TECHNIQUES.items()},
        "heuristics": {name: heuristic.meaning for name, heuristic in HEURISTICS.items()},
        "schedules": _SCHEDULES,
        "networks": dict.fromkeys(networks.NETWORKS, ""),
        "datasets": {
            name: f"{data.train_examples:,} images of {'x'.join(map(str, data.shape))}, {data.classes} classes"
            for name, data in DATASETS.items()
        },
        "recipes": {
            name: f"{recipe.epochs} epochs, batches of {recipe.batch_size}, {recipe.optimizer} "
            f"{recipe.learning_rate:g}; {recipe.source}"
            for name, recipe in RECIPES.items()
        },
        "executors": dict.fromkeys(EXECUTORS, ""),
    }
    lines = []
    for section, rows in sections.items():
        lines.append(section)
        lines += [f"  {name:22}{meaning}".rstrip() for name, meaning in rows.items()]
    return "\n".join(lines)


def _help() -> str:
    lines = [str(__doc__).strip(), ""]
    for section, names in _SECTIONS.items():
        lines.append(section)
        for name in names:
            flag = FLAGS[name]
            value = flag.value if isinstance(flag.value, list) else flag.default
            default = ",".join(value) if isinstance(value, list) else value
            end = f" [{default}]" if default not in (None, False, "") else ""
            text = textwrap.fill(f"{flag.help}{end}", 104, initial_indent=" " * 24, subsequent_indent=" " * 24)
            lines.append(f"  --{name:20}{text.lstrip()}")
        lines.append("")
    lines.append(
        "--flagfile=FILE reads flags from a file; a later flag replaces it. Lists take commas: --density=0.5,0.2"
    )
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> list[str]:
    """Parse the command line; print help, or what is wrong with a flag, and exit."""
    if _HELP_FLAGS & set(argv[1:]):
        print(_help())
        sys.exit(0)
    try:
        return list(FLAGS(expand(argv, fallback=_HERE)))
    except (flags.Error, FlagfileError) as error:
        sys.exit(_complain(f"{error} See --help.", status=2))


def _complain(message: object, *, status: int) -> int:
    print(f"run_experiment: {message}", file=sys.stderr)
    return status


def console() -> None:
    """Be the installed command."""
    run: Callable[..., None] = app.run
    run(main, flags_parser=parse)


if __name__ == "__main__":
    console()
