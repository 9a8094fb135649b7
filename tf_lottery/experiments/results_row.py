"""A stage's row of the results table, and the plain files that stand beside its checkpoint."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tf_lottery.experiments.spec import RetrainSpec, Spec
from tf_lottery.networks.recipes import Training
from tf_lottery.plain import plain


class WrongDensityError(Exception):
    """A network has more weights that are not zero than its density allows."""


def identity(spec: Spec) -> dict[str, Any]:
    """Return the columns that say which network this is."""
    dense = spec.dense
    pruned = isinstance(spec, RetrainSpec)
    return {
        "network": dense.network,
        "dataset": dense.dataset,
        "heuristic": _pruning(spec) if isinstance(spec, RetrainSpec) else "",
        "schedule": spec.schedule if isinstance(spec, RetrainSpec) else "",
        "technique": spec.technique if isinstance(spec, RetrainSpec) else "dense",
        "density": spec.density if isinstance(spec, RetrainSpec) else 1.0,
        "retrain_epochs": spec.retrain_epochs if isinstance(spec, RetrainSpec) else 0.0,
        "trial": dense.trial,
        "search_cost": spec.search_cost if pruned else 0.0,
        "epochs": float(spec.epochs),
        "recipe": dense.training.recipe,
        "training": training_digest(dense.training),
        "seed": dense.seed,
        "stage": spec.name,
    }


def _pruning(spec: RetrainSpec) -> str:
    """Return the heuristic, with what else the pruning was told: results that differ in it are no repetitions."""
    more = {
        "by_layer": bool(spec.layer_densities),
        "live_units": spec.remove_dead_units,
        f"{spec.trained}_layers": spec.trained != "all",
    }
    return "+".join([spec.heuristic, *(word for word, is_so in more.items() if is_so)])


def training_digest(training: Training) -> str:
    """Return what tells trainings apart, the recipe with all that the user changed: t and 8 hexadecimal digits."""
    return "t" + _digits(plain(training))


def hparams(spec: Spec) -> dict[str, Any]:
    """Return what the HParams tab of TensorBoard shows as columns, of one type each.

    The tab sorts columns by name and shows five of them at first: all but the trial, which is in the run's name.
    """
    row, training = identity(spec), spec.dense.training
    run = f"{training.recipe}, {training.epochs} epochs, batch {training.batch_size}, {training.learning_rate:g}"
    if training.lr_schedule != "staircase" or training.warmup_steps:
        run += f" {training.lr_schedule}, warm-up {training.warmup_steps} steps"
    return {name: row[name] for name in ("density", "retrain_epochs", "technique", "trial")} | {
        "pruning": f"{row['schedule']} {row['heuristic']}".strip() or "none",
        "run": f"{run}, seed {row['seed']}",
    }


def environment_digest(environment: Mapping[str, Any]) -> str:
    """Return what tells one environment from another: e and 8 hexadecimal digits."""
    return "e" + _digits(environment)


def _digits(values: Mapping[str, Any]) -> str:
    """Return the head of a hash. Alone it may read as a number, 1204e698 as infinity: a letter goes before it."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:8]


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows of these columns as CSV text, numbers to their last digit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_json(values: Mapping[str, Any]) -> str:
    """Return plain values as JSON text for people."""
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n"
