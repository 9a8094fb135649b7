"""To which densities, and how long to retrain: what the flags ask for, level by level."""

from __future__ import annotations

from tf_lottery.command.flag_values import UsageError, kernel_shapes, numbers
from tf_lottery.command.flags import FLAGS
from tf_lottery.command.numbers import Number
from tf_lottery.experiments.grid import levels
from tf_lottery.experiments.layer_levels import Level, by_turns, on_the_way
from tf_lottery.experiments.spec import DENSITY_DECIMALS, EPOCHS_DECIMALS
from tf_lottery.networks.recipes import Training
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.pruning.layer_densities import of_kernels, of_network
from tf_lottery.pruning.shuffled import Shuffled
from tf_lottery.rewinding.techniques import TECHNIQUES

_ONCE = (0.512, 0.2097, 0.1074, 0.044)
_DEFAULT_DENSITIES = {"one_shot": _ONCE, "iterative": (0.8**14,), "at_initialization": _ONCE}


def densities(name: str) -> tuple[float, ...]:
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
    try:
        return heuristic.densities(kernel_shapes(), asked)
    except ValueError as error:
        more = " Each heuristic has densities of its own: leave out --density, or run them one by one."
        several = more if asked and len(FLAGS.heuristic) > 1 else ""
        raise UsageError(f"--heuristic={name} with --network={FLAGS.network}: {error}{several}") from None


def _after_rounds(name: str) -> tuple[float, ...]:
    """Return the density after each of --rounds rounds by this heuristic."""
    row = HEURISTICS[name]
    if FLAGS.density or FLAGS.layer_density:
        other = "density" if FLAGS.density else "layer_density"
        raise UsageError(
            f"--rounds={FLAGS.rounds} with --{other}: the density follows from the rounds. Expected one of the two."
        )
    if not isinstance(row, ByWeight | Shuffled):
        raise UsageError(f"--rounds={FLAGS.rounds} with --heuristic={name}: it prunes once. Use --density.")
    shapes = kernel_shapes()
    return tuple(row.after(shapes, rounds) for rounds in range(1, FLAGS.rounds + 1))


def levels_by_round(densities: tuple[float, ...]) -> tuple[Level, ...]:
    """Return the levels of an iterative chain by rounds, each with exactly its density; () without --rounds."""
    if not FLAGS.rounds or FLAGS.schedule != "iterative":
        return ()
    return tuple(Level(density=density) for density in densities)


def layer_levels() -> tuple[Level, ...]:
    """Return the levels that --layer_density asks for; () without it."""
    if not FLAGS.layer_density:
        if FLAGS.by_turns:
            raise UsageError("--by_turns without --layer_density: expected the densities that layers are pruned to.")
        return ()
    shown = f"--layer_density={','.join(FLAGS.layer_density)}"
    if FLAGS.density:
        raise UsageError(f"{shown} with --density: the density follows from the layers'. Expected one of the two.")
    shapes = kernel_shapes()
    if not shapes:
        raise UsageError(f"{shown}: the layers of --network={FLAGS.network} are not known here. Use --density.")
    try:
        last = of_kernels(dict(map(_layer_density, FLAGS.layer_density)), list(shapes))
        for name in FLAGS.heuristic:
            heuristics.find(name, last.items())
    except (TypeError, ValueError) as error:
        raise UsageError(f"{shown}: {error}") from None
    if missing := [name.rpartition("/")[0] for name in shapes if name not in last]:
        raise UsageError(f"{shown} lacks {', '.join(missing)}: expected each layer once; 1 keeps all of it.")
    if any(TECHNIQUES[name].weights != "trained" for name in FLAGS.strategy) and FLAGS.by_turns:
        kept = ", ".join(name for name, row in TECHNIQUES.items() if row.weights == "trained")
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


def _asked_densities() -> tuple[float, ...]:
    least = 10.0**-DENSITY_DECIMALS
    words = f"a number above 0, at most 1 (all weights); the smallest is {least:g}"
    return numbers("density", Number(least=least, most=1.0, expected=words))


def retrain_epochs(training: Training) -> tuple[float, ...]:
    """Return every t that is asked for, in epochs or by the step to rewind to; () leaves it to each strategy."""
    if not FLAGS.rewind_step:
        total, least = training.epochs, 10.0**-EPOCHS_DECIMALS
        words = f"a number above 0, at most {total} (the T epochs of the dense training); the smallest is {least:g}"
        default = (float(total),) if FLAGS.schedule == "at_initialization" else ()
        return numbers("retrain_epochs", Number(least=least, most=total, expected=words)) or default
    if FLAGS.retrain_epochs:
        raise UsageError("--rewind_step with --retrain_epochs: each says how far to rewind. Expected one of the two.")
    most = training.total_steps - 1
    words = f"a step of the dense training to rewind to, from 0 (initialisation) to {most}"
    steps = numbers("rewind_step", Number(least=0, most=most, expected=words, is_whole=True))
    return tuple(training.epochs_after(int(step)) for step in steps)
