"""What flags ask for that does not go together: a sentence for each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from tf_lottery.command.asked_levels import retrain_epochs
from tf_lottery.command.flag_values import UsageError, check_not_empty, known, network
from tf_lottery.command.flags import FLAGS
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.controls import CONTROLS
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.pruning_schedules import SCHEDULES
from tf_lottery.networks import registry as networks
from tf_lottery.networks.recipes import LR_SCHEDULES, PRECISIONS, RECIPES, Training
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.channels.cuts import DensityOf
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.techniques import TECHNIQUES

# A plan of so many takes some seconds to make; the largest of flags/ has 2,043.
_MOST_STAGES = 100_000
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


def check_names() -> None:
    """Refuse empty lists, unknown names, and names that do not go together."""
    for flag in _LISTS:
        check_not_empty(flag)
    known("dataset", DATASETS)
    is_chain = network().is_chain
    for flag, table in _NAMES.items():
        known(flag, table)
    _check_channels()
    if FLAGS.controls:
        _check_controls()
    if FLAGS.remove_dead_units and not is_chain:
        chains = ", ".join(name for name, row in networks.NETWORKS.items() if row.is_chain)
        raise UsageError(
            f"--remove_dead_units with --network={FLAGS.network}: expected a network each of whose layers reads the "
            f"one before it, and nothing else: {chains}."
        )


def check_training(training: Training) -> None:
    """Refuse what does not go with how the dense network is trained."""
    for technique in dict.fromkeys(FLAGS.strategy):
        _check_technique(technique, training)
    if FLAGS.schedule == "at_initialization":
        _check_at_initialization(training)
    if training.dropout and not network().takes_dropout:
        takers = ", ".join(name for name, row in networks.NETWORKS.items() if row.takes_dropout)
        raise UsageError(
            f"--recipe={FLAGS.recipe} with --network={FLAGS.network}: expected, for a recipe with dropout, a network "
            f"that takes it: {takers}."
        )
    if FLAGS.final_epochs > training.epochs:
        raise UsageError(f"--final_epochs={FLAGS.final_epochs:g}: expected at most T = {training.epochs}.")


def check_size(asked: Sequence[Grid]) -> None:
    """Refuse a plan of more stages than anybody wants."""
    count = sum(grid.size for grid in asked)
    if count > _MOST_STAGES:
        raise UsageError(
            f"--trials={FLAGS.trials} of all combinations makes {count:,} stages: expected at most {_MOST_STAGES:,} "
            "for one command. Use fewer --trials, or fewer values of --strategy, --density or --retrain_epochs."
        )


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


def _check_at_initialization(training: Training) -> None:
    """Refuse what does not train a pruned initialisation from its start."""
    whole = [name for name, row in TECHNIQUES.items() if row.weights != "trained"]
    for technique in FLAGS.strategy:
        if technique not in whole:
            raise UsageError(
                f"--schedule=at_initialization with --strategy={technique}: nothing is trained yet when it prunes. "
                f"Expected one of {', '.join(whole)}."
            )
    if FLAGS.rewind_step and FLAGS.rewind_step != ["0"]:
        raise UsageError(
            f"--schedule=at_initialization with --rewind_step={','.join(FLAGS.rewind_step)}: expected 0, where it "
            "trains from. Leave it out."
        )
    if other := [t for t in retrain_epochs(training) if t != training.epochs]:
        raise UsageError(
            f"--schedule=at_initialization with --retrain_epochs={other[0]:g}: expected T = {training.epochs}, all of "
            "the training. Leave it out."
        )
