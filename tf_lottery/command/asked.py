"""What the flags ask for: every name looked up, every number checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from tf_lottery.command.flags import FLAGS
from tf_lottery.command.numbers import Number
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.controls import CONTROLS
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.grid import Grid, levels
from tf_lottery.experiments.layer_levels import Level, by_turns, on_the_way
from tf_lottery.experiments.spec import DENSITY_DECIMALS, EPOCHS_DECIMALS
from tf_lottery.home import expanded
from tf_lottery.lookup import lookup
from tf_lottery.networks import registry as networks
from tf_lottery.networks.network import Network
from tf_lottery.networks.recipes import LR_SCHEDULES, PRECISIONS, RECIPES, Training, default_recipe, resolve
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.channels.cuts import DensityOf
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.pruning.layer_densities import of_kernels, of_network
from tf_lottery.pruning.shuffled import Shuffled
from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.techniques import TECHNIQUES

SCHEDULES = {
    "one_shot": "prune once to the density",
    "iterative": "prune 20% of what is left, retrain, repeat",
    "at_initialization": "prune once to the density by the weights before training, then train",
}
# A plan of so many takes some seconds to make; the largest of flags/ has 2,043.
_MOST_STAGES = 100_000
_WORKERS = Number(
    least=1, most=10_000, expected="auto, or a number of processes, 1 or more, at most 10000", is_whole=True
)
_SEEDS = Number(least=1, most=2**31 - 1, expected="a whole number, 1 or more", is_whole=True)
_ONCE = (0.512, 0.2097, 0.1074, 0.044)
_DEFAULT_DENSITIES = {"one_shot": _ONCE, "iterative": (0.8**14,), "at_initialization": _ONCE}


# Flags that take a list, or a path: present, they say something.
_LISTS = (
    *("strategy", "heuristic", "density", "layer_density", "retrain_epochs", "rewind_step", "controls"),
    *("data_order_seed", "recipe", "lr_schedule", "output_dir", "data_dir"),
)
_NAMES: Mapping[str, Mapping[str, Any]] = {
    "schedule": SCHEDULES,
    "strategy": TECHNIQUES,
    "heuristic": HEURISTICS,
    "precision": dict.fromkeys(PRECISIONS),
    "density_of": dict.fromkeys(get_args(DensityOf)),
    "controls": CONTROLS,
    "recipe": RECIPES,
    "lr_schedule": dict.fromkeys(LR_SCHEDULES),
}


class UsageError(Exception):
    """What the user asked for cannot be."""


def grids() -> list[Grid]:
    """Return what the flags ask for; every name is looked up, every number checked.

    One for each list of densities: that of heuristics that prune to any, and each other one's own.
    """
    _check_names()
    training = _asked_training()
    _check_training(training)
    layer_levels = _layer_levels()
    by_densities: dict[tuple[float, ...], list[str]] = {}
    for name in dict.fromkeys(FLAGS.heuristic):
        by_densities.setdefault(_densities(name), []).append(name)
    asked = [
        Grid(
            network=FLAGS.network,
            dataset=FLAGS.dataset,
            training=training,
            heuristics=tuple(names),
            schedule=FLAGS.schedule,
            techniques=tuple(dict.fromkeys(FLAGS.strategy)),
            densities=densities,
            retrain_epochs=_retrain_epochs(training) or _default_retrain_epochs(training.epochs),
            trials=FLAGS.trials,
            seed=FLAGS.seed,
            layer_levels=layer_levels or _rounds(densities),
            remove_dead_units=FLAGS.remove_dead_units,
            controls=tuple(dict.fromkeys(FLAGS.controls or ())),
            data_order_seeds=tuple(int(seed) for seed in _numbers("data_order_seed", _SEEDS)),
            density_of=FLAGS.density_of,
            kept_per_level=FLAGS.kept_per_level,
            final_epochs=FLAGS.final_epochs,
        )
        for densities, names in by_densities.items()
    ]
    _check_size(asked)
    return asked


def _check_names() -> None:
    """Refuse empty lists, unknown names, and names that do not go together."""
    for flag in _LISTS:
        _check_not_empty(flag)
    _known("dataset", DATASETS)
    network = _network()
    for flag, table in _NAMES.items():
        _known(flag, table)
    _check_channels()
    if FLAGS.controls:
        _check_controls()
    if FLAGS.remove_dead_units and not network.is_chain:
        chains = _listed(name for name, row in networks.NETWORKS.items() if row.is_chain)
        raise UsageError(
            f"--remove_dead_units with --network={FLAGS.network}: expected a network each of whose layers reads the "
            f"one before it, and nothing else: {chains}."
        )


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


def _check_training(training: Training) -> None:
    """Refuse what does not go with how the dense network is trained."""
    for technique in dict.fromkeys(FLAGS.strategy):
        _check_technique(technique, training)
    if FLAGS.schedule == "at_initialization":
        _check_at_initialization(training)
    if training.dropout and not _network().takes_dropout:
        takers = _listed(name for name, row in networks.NETWORKS.items() if row.takes_dropout)
        raise UsageError(
            f"--recipe={FLAGS.recipe} with --network={FLAGS.network}: expected, for a recipe with dropout, a network "
            f"that takes it: {takers}."
        )
    if FLAGS.final_epochs > training.epochs:
        raise UsageError(f"--final_epochs={FLAGS.final_epochs:g}: expected at most T = {training.epochs}.")


def execution() -> Execution:
    """Return how to run it."""
    _known("executor", EXECUTORS)
    for flag, choices in (("jit", ("auto", "on", "off")), ("input", ("auto", "memory", "stream"))):
        _known(flag, dict.fromkeys(choices))
    try:
        data_dir = FLAGS.data_dir and str(expanded(FLAGS.data_dir))
    except ValueError as error:
        raise UsageError(f"--data_dir={error}") from None
    return Execution(
        data_dir=data_dir,
        download=FLAGS.download,
        jit=FLAGS.jit,
        input=FLAGS.input,
        workers=None if FLAGS.workers == "auto" else int(_number("workers", FLAGS.workers, _WORKERS)),
        checkpoint_seconds=FLAGS.checkpoint_seconds,
    )


def _check_not_empty(flag: str) -> None:
    """Refuse `--flag=` and `--flag=a,,b`: a shell's variable is unset, or something was left out."""
    value = FLAGS[flag].value
    if value in ("", []):
        several = " or more, with commas" if value == [] else " value"
        raise UsageError(f"--{flag} is empty: expected one{several}. Leave the flag out for its default.")
    if isinstance(value, list) and "" in value:
        raise UsageError(f"--{flag}={','.join(value)}: nothing stands before or after a comma. Expected a value there.")


def _check_technique(name: str, training: Training) -> None:
    """Refuse what the technique's rates or momenta cannot be of this training."""
    technique = TECHNIQUES[name]
    if technique.momenta and training.optimizer != "momentum_sgd":
        raise UsageError(
            f"--strategy={name} moves the momentum from step to step, and --recipe={training.recipe} trains with "
            f"{training.optimizer}, which has none; expected a recipe with momentum_sgd. cyclic_lr_restart moves the "
            "rate alone."
        )
    try:
        technique.rates(Retraining.of(training, training.epochs, pruned_share=0.5, removed_norm=0.5))
    except ValueError as error:
        raise UsageError(f"--strategy={name}: {error}") from None


def _check_channels() -> None:
    """Refuse shares of what the heuristics do not prune, and what only a chain of levels has."""
    for name in FLAGS.heuristic:
        try:
            heuristics.find(name, density_of=FLAGS.density_of)
        except ValueError as error:
            raise UsageError(f"--density_of={FLAGS.density_of}: {error}") from None
    if FLAGS.schedule == "iterative" and not FLAGS.layer_density:
        return
    for flag in ("kept_per_level", "final_epochs"):
        if FLAGS[flag].value != FLAGS[flag].default:
            with_what = "--layer_density" if FLAGS.layer_density else f"--schedule={FLAGS.schedule}"
            raise UsageError(f"--{flag} with {with_what}: expected --schedule=iterative and --density.")


def _known(flag: str, table: Mapping[str, Any]) -> None:
    """Look up the flag's name, or each of its names, if it has any."""
    value = FLAGS[flag].value
    for name in value if isinstance(value, list) else [] if value is None else [value]:
        try:
            lookup(flag, table, name)
        except ValueError as error:
            raise UsageError(f"--{flag}={name}: {error}") from None


def _network() -> Network:
    try:
        return networks.find(FLAGS.network)
    except ValueError as error:
        message = str(error).removeprefix(f"network {FLAGS.network!r}: ")
        raise UsageError(f"--network={FLAGS.network}: {message}") from None


def _check_size(asked: Sequence[Grid]) -> None:
    count = sum(grid.size for grid in asked)
    if count > _MOST_STAGES:
        raise UsageError(
            f"--trials={FLAGS.trials} of all combinations makes {count:,} stages: expected at most {_MOST_STAGES:,} "
            "for one command. Use fewer --trials, or fewer values of --strategy, --density or --retrain_epochs."
        )


def _densities(name: str) -> tuple[float, ...]:
    """Return the densities to prune to by this heuristic."""
    heuristic, asked = HEURISTICS[name], _asked_densities()
    if FLAGS.rounds:
        return _after_rounds(name)
    if FLAGS.layer_density:
        return ()
    if heuristic.any_density:
        asked = asked or _DEFAULT_DENSITIES[FLAGS.schedule]
    elif FLAGS.schedule != "one_shot":
        raise UsageError(f"--heuristic={name} prunes once, as in the paper: expected --schedule=one_shot.")
    network, dataset = _network(), DATASETS[FLAGS.dataset]
    shapes = network.kernel_shapes(shape=dataset.shape, classes=dataset.classes) if network.kernel_shapes else {}
    try:
        return heuristic.densities(shapes, asked)
    except ValueError as error:
        more = " Each heuristic has densities of its own: leave out --density, or run them one by one."
        several = more if asked and len(FLAGS.heuristic) > 1 else ""
        raise UsageError(f"--heuristic={name} with --network={FLAGS.network}: {error}{several}") from None


def _after_rounds(name: str) -> tuple[float, ...]:
    """Return the density after each of --rounds rounds by this heuristic."""
    row, network, dataset = HEURISTICS[name], _network(), DATASETS[FLAGS.dataset]
    if FLAGS.density or FLAGS.layer_density:
        other = "density" if FLAGS.density else "layer_density"
        raise UsageError(
            f"--rounds={FLAGS.rounds} with --{other}: the density follows from the rounds. Expected one of the two."
        )
    if not isinstance(row, ByWeight | Shuffled):
        raise UsageError(f"--rounds={FLAGS.rounds} with --heuristic={name}: it prunes once. Use --density.")
    shapes = network.kernel_shapes(shape=dataset.shape, classes=dataset.classes) if network.kernel_shapes else {}
    return tuple(row.after(shapes, rounds) for rounds in range(1, FLAGS.rounds + 1))


def _rounds(densities: tuple[float, ...]) -> tuple[Level, ...]:
    """Return the levels of an iterative chain by rounds, each with exactly its density; () without --rounds."""
    if not FLAGS.rounds or FLAGS.schedule != "iterative":
        return ()
    return tuple(Level(density=density) for density in densities)


def _check_controls() -> None:
    """Refuse controls that a heuristic does not have, and those of a chain that is none."""
    for name, heuristic in itertools.product(FLAGS.controls, FLAGS.heuristic):
        if heuristic in HEURISTICS and CONTROLS[name].heuristic(heuristic) is None:
            have = [row for row in HEURISTICS if CONTROLS[name].heuristic(row)]
            raise UsageError(
                f"--controls={name} with --heuristic={heuristic}: there is no such control of it. Expected one of "
                f"{', '.join(have)}."
            )
    if FLAGS.layer_density:
        raise UsageError("--controls with --layer_density: expected --density or --rounds.")
    if FLAGS.schedule == "at_initialization":
        raise UsageError(
            "--controls with --schedule=at_initialization: expected one_shot or iterative, since controls have masks "
            "of trained networks. --heuristic=layer_random is a control of what is pruned before training."
        )


def _layer_levels() -> tuple[Level, ...]:
    """Return the levels that --layer_density asks for; () without it."""
    if not FLAGS.layer_density:
        if FLAGS.by_turns:
            raise UsageError("--by_turns without --layer_density: expected the densities that layers are pruned to.")
        return ()
    shown = f"--layer_density={','.join(FLAGS.layer_density)}"
    if FLAGS.density:
        raise UsageError(f"{shown} with --density: the density follows from the layers'. Expected one of the two.")
    network, dataset = _network(), DATASETS[FLAGS.dataset]
    if not network.kernel_shapes:
        raise UsageError(f"{shown}: the layers of --network={FLAGS.network} are not known here. Use --density.")
    shapes = network.kernel_shapes(shape=dataset.shape, classes=dataset.classes)
    try:
        last = of_kernels(dict(map(_layer_density, FLAGS.layer_density)), list(shapes))
        for name in FLAGS.heuristic:
            heuristics.find(name, last.items())
    except (TypeError, ValueError) as error:
        raise UsageError(f"{shown}: {error}") from None
    if missing := [name.rpartition("/")[0] for name in shapes if name not in last]:
        raise UsageError(f"{shown} lacks {', '.join(missing)}: expected each layer once; 1 keeps all of it.")
    if any(TECHNIQUES[name].weights != "trained" for name in FLAGS.strategy) and FLAGS.by_turns:
        kept = _listed(name for name, row in TECHNIQUES.items() if row.weights == "trained")
        raise UsageError(f"--by_turns with --strategy={','.join(FLAGS.strategy)}: expected trained weights: {kept}.")
    whole = levels(FLAGS.schedule, (of_network(last, shapes),))
    found = on_the_way(whole, {name: last[name] for name in shapes}, shapes)
    return tuple(by_turns(found, shapes) if FLAGS.by_turns else found)


def _layer_density(text: str) -> tuple[str, float]:
    """Return layer and density of `hidden_1:0.08`."""
    name, colon, value = text.partition(":")
    try:
        return name, float(value)
    except ValueError:
        what = f"{value!r} is no number" if colon else f"{text!r} has no colon"
        raise ValueError(f"{what}; expected a layer and its density, such as hidden_1:0.08.") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _asked_densities() -> tuple[float, ...]:
    least = 10.0**-DENSITY_DECIMALS
    words = f"a number above 0, at most 1 (all weights); the smallest is {least:g}"
    return _numbers("density", Number(least=least, most=1.0, expected=words))


def _check_at_initialization(training: Training) -> None:
    """Refuse what does not train a pruned initialisation from its start."""
    whole = [name for name, row in TECHNIQUES.items() if row.weights != "trained"]
    for technique in FLAGS.strategy:
        if technique not in whole:
            raise UsageError(
                f"--schedule=at_initialization with --strategy={technique}: nothing is trained yet when it prunes. "
                f"Expected one of {_listed(whole)}."
            )
    if FLAGS.rewind_step and FLAGS.rewind_step != ["0"]:
        raise UsageError(
            f"--schedule=at_initialization with --rewind_step={','.join(FLAGS.rewind_step)}: expected 0, where it "
            "trains from. Leave it out."
        )
    if other := [t for t in _retrain_epochs(training) if t != training.epochs]:
        raise UsageError(
            f"--schedule=at_initialization with --retrain_epochs={other[0]:g}: expected T = {training.epochs}, all of "
            "the training. Leave it out."
        )


def _default_retrain_epochs(total: int) -> tuple[float, ...]:
    """Return t where none is asked for; () leaves it to each strategy."""
    return (float(total),) if FLAGS.schedule == "at_initialization" else ()


def _retrain_epochs(training: Training) -> tuple[float, ...]:
    """Return every t that is asked for, in epochs or by the step to rewind to; () for none."""
    if not FLAGS.rewind_step:
        total, least = training.epochs, 10.0**-EPOCHS_DECIMALS
        words = f"a number above 0, at most {total} (the T epochs of the dense training); the smallest is {least:g}"
        return _numbers("retrain_epochs", Number(least=least, most=total, expected=words))
    if FLAGS.retrain_epochs:
        raise UsageError("--rewind_step with --retrain_epochs: each says how far to rewind. Expected one of the two.")
    most = training.total_steps - 1
    words = f"a step of the dense training to rewind to, from 0 (initialisation) to {most}"
    steps = _numbers("rewind_step", Number(least=0, most=most, expected=words, is_whole=True))
    return tuple(training.epochs_after(int(step)) for step in steps)


def _numbers(flag: str, number: Number) -> tuple[float, ...]:
    return tuple(dict.fromkeys(_number(flag, text, number) for text in FLAGS[flag].value or ()))


def _number(flag: str, text: str, number: Number) -> float:
    try:
        return float(number.parse(text))
    except ValueError as error:
        raise UsageError(f"--{flag}={text}: {error}") from None
