"""The command's flags, its help, and how a command line is parsed."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from tf_lottery import __version__, command_names
from tf_lottery.command.flagfiles import FlagfileError, expand
from tf_lottery.command.numbers import Number
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.controls import CONTROLS
from tf_lottery.networks.recipes import LR_SCHEDULES
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.rewinding.techniques import TECHNIQUES

FLAGS = flags.FLAGS
# Flagfiles are looked for here too: flags/ lies inside the package when installed, and beside it in a clone.
_PLACES = Path(__file__).resolve().parents[1:3]
HOME = next((folder for folder in _PLACES if (folder / "flags").is_dir()), _PLACES[0])

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
    "schedule",
    "iterative",
    "one_shot; iterative: down by 20% of what is left to the smallest density; or at_initialization: once, by the "
    "weights before training.",
)
flags.DEFINE_list(
    "heuristic", ["global_magnitude"], "What is pruned: " + ", ".join(HEURISTICS) + ". --list says what each does."
)
flags.DEFINE_list(
    "layer_density",
    None,
    "For heuristics that prune by layer: the density of each layer in the place of --density, such as "
    "hidden_1:0.08,hidden_2:0.09,logits:0.26. Iteratively, layers go down together.",
)
flags.DEFINE_bool(
    "by_turns", False, "With --layer_density: prune and retrain dense layers, then convolutions, while the others stay."
)
flags.DEFINE_bool("remove_dead_units", False, "Also prune the connections of units without inputs or outputs.")
flags.DEFINE_list(
    "rewind_step",
    None,
    "In place of --retrain_epochs: the step of the dense training to rewind to; 0 is the initialisation.",
)
flags.DEFINE_integer(
    "rounds",
    None,
    "In place of --density: prune so many times, each time the heuristic's share of what is left, by layer if it has "
    "rates by layer.",
)
flags.DEFINE_list(
    "controls",
    None,
    "Also train, at each density, what winning tickets are compared with: " + ", ".join(CONTROLS) + ".",
)
flags.DEFINE_integer(
    "evaluate_steps",
    0,
    "Also evaluate after each so many steps, for the step of least validation loss (early stopping); 0: after epochs.",
)
flags.DEFINE_list(
    "data_order_seed", None, "Also retrain each network, and the dense one, with examples in other orders, one a seed."
)
flags.DEFINE_string("network", "lenet_300_100", "A network; NAME_x0.5 has half the units or filters.")
flags.DEFINE_string("dataset", "digits", "A dataset: " + ", ".join(DATASETS) + ".")
flags.DEFINE_string("recipe", None, "How the network is trained. Default: the one for the network and dataset.")
flags.DEFINE_integer("epochs", None, "T, epochs of the dense training. Default: the recipe's.")
flags.DEFINE_integer("batch_size", None, "Examples in a training step. Default: the recipe's.")
flags.DEFINE_float("learning_rate", None, "The highest rate, such as before the first drop. Default: the recipe's.")
flags.DEFINE_string("lr_schedule", None, f"How the rate falls: {', '.join(LR_SCHEDULES)}. Default: as the recipe says.")
flags.DEFINE_float("warmup_epochs", None, "Epochs in which the rate rises from 0 first. Default: the recipe's.")
flags.DEFINE_float(
    "fine_tune_rate",
    None,
    "The rate of strategies that go on at the last one. Default: the last one; the recipe's where that is near 0.",
)
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
flags.DEFINE_bool("list", False, "Print all networks, datasets, recipes, heuristics, strategies and flagfiles.")
flags.DEFINE_bool("version", False, "Print the version.")

_COUNT = Number(least=1, most=10**9, expected="1 or more, at most a billion, a whole number", is_whole=True)
_NUMBERS = {
    "trials": _COUNT,
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "seed": Number(least=0, most=2**63 - 1, expected="0 or more, below 2^63, a whole number", is_whole=True),
    "learning_rate": Number(
        least=1e-37, most=1e37, expected="a number above 0, from 1e-37 to 1e37 (what float32 holds)"
    ),
    "warmup_epochs": Number(least=0, most=1e6, expected="0 or more, at most a million, a number of epochs"),
    "fine_tune_rate": Number(
        least=1e-37, most=1e37, expected="a number above 0, from 1e-37 to 1e37 (what float32 holds)"
    ),
    "rounds": Number(least=1, most=200, expected="1 or more, at most 200, a whole number", is_whole=True),
    "evaluate_steps": Number(
        least=0, most=10**9, expected="0 or more, at most a billion, a whole number of steps", is_whole=True
    ),
    "checkpoint_seconds": Number(least=0, most=1e9, expected="0 or more, at most a billion, a number of seconds"),
}
for _name, _number in _NUMBERS.items():
    FLAGS[_name].parser = _number
# What flags of absl's own take.
_KINDS = {"bool": "expected true or false.", "int": "expected a whole number.", "float": "expected a number."}

_TITLE = (
    'Train, prune, retrain and compare: "Comparing Rewinding and Fine-tuning in Neural Network Pruning" (ICLR 2020).'
)
SECTIONS = {
    "what to compare": ("strategy", "density", "retrain_epochs", "schedule", "heuristic", "trials", "seed"),
    "winning tickets": ("rounds", "rewind_step", "controls", "evaluate_steps", "data_order_seed"),
    "how to prune": ("layer_density", "by_turns", "remove_dead_units"),
    "what to train": (
        *("network", "dataset", "recipe", "epochs", "batch_size", "learning_rate", "lr_schedule", "warmup_epochs"),
        *("fine_tune_rate", "precision"),
    ),
    "where": ("output_dir", "data_dir", "download"),
    "how to run": ("executor", "workers", "jit", "input", "checkpoint_seconds", "retry_failed", "dry_run"),
    "what there is": ("list", "version"),
}
_HELP_FLAGS = {"--help", "-help", "-h", "--helpshort", "-helpshort", "--helpfull", "-helpfull", "-?"}


def parse(argv: Sequence[str]) -> list[str]:
    """Parse the command line; print help, or what is wrong with a flag, and exit."""
    if _HELP_FLAGS & set(argv[1:]):
        print(_help())
        sys.exit(0)
    try:
        rest = list(FLAGS(expand(argv, fallback=HOME)))
    except FlagfileError as error:
        sys.exit(complain(f"{error} See --help.", status=2))
    except flags.Error as error:
        sys.exit(complain(f"{_told(error)} See --help.", status=2))
    if FLAGS.version:
        print(f"tf_lottery {__version__}")
        sys.exit(0)
    return rest


def shown_default(name: str) -> str:
    """Return a flag's default as it is typed, "" if it has none."""
    default = FLAGS[name].default
    shown = ",".join(default) if isinstance(default, list) else default
    return "" if shown is None or shown is False else str(shown)


def complain(message: object, *, status: int) -> int:
    """Say on stderr what is wrong, and return the exit status."""
    print(f"{command_names.program()}: {message}", file=sys.stderr)
    return status


def _told(error: flags.Error) -> str:
    """Return what absl found wrong, with the flag as it was typed and what it takes."""
    text = " ".join(str(error).split()).replace(" ?", "?")
    illegal = re.fullmatch(r"flag (--(\w+)=.*?): (.*)", text)
    if illegal and illegal[2] in FLAGS:
        return f"{illegal[1]}: {_KINDS.get(FLAGS[illegal[2]].flag_type(), illegal[3])}"
    return text if text.endswith((".", "?")) else f"{text}."


def _help() -> str:
    lines = [_TITLE, "", f"{command_names.experiment()} --strategy=weight_rewind", ""]
    for section, names in SECTIONS.items():
        lines.append(section)
        for name in names:
            default = shown_default(name)
            end = f" [{default}]" if default else ""
            text = textwrap.fill(f"{FLAGS[name].help}{end}", 104, initial_indent=" " * 24, subsequent_indent=" " * 24)
            lines.append(f"  --{name:20}{text.lstrip()}")
        lines.append("")
    lines.append(
        "--flagfile=FILE reads flags from a file, or from one that ships (--list has them); a later flag replaces it.\n"
        "Lists take commas: --density=0.5,0.2"
    )
    return "\n".join(lines)
