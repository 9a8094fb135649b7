"""What one's own results lack, and the commands that would fill it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tf_lottery.command_names import experiment
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.lookup import lookup
from tf_lottery.networks.recipes import resolve

from .blocks import Block


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Networks of one technique that are missing among those that its own results span."""

    network: str
    dataset: str
    schedule: str
    heuristic: str
    technique: str
    densities: tuple[float, ...]
    retrain_epochs: tuple[float, ...]
    networks: int  # how many are missing
    command: str
    more: str  # what else the user must do or know, "" for nothing

    @property
    def text(self) -> str:
        """One line for people."""
        ratios = ", ".join(f"{1 / density:.3g}x" for density in self.densities)
        ts = ", ".join(f"{t:g}" for t in self.retrain_epochs)
        return (
            f"{self.networks} of {self.network} on {self.dataset}, {self.schedule} {self.heuristic}, {self.technique} "
            f"at {ratios}, t = {ts}{self.more}"
        )


def gaps(blocks: Sequence[Block]) -> list[Gap]:
    """Return what lacks in one's own blocks: of all densities and trials there, and each technique's own t."""
    return [gap for block in blocks if block.source == "own" for gap in _of(block, blocks)]


def _of(block: Block, blocks: Sequence[Block]) -> list[Gap]:
    found = []
    for row, technique in enumerate(block.techniques):
        there = np.isfinite(block.test[row])  # [density, t, trial]
        own_t = there.any(axis=(0, 2))
        lacks = ~there & own_t[None, :, None]
        if not lacks.any():
            continue
        densities = tuple(d for d, lack in zip(block.densities, lacks.any(axis=(1, 2)), strict=True) if lack)
        ts = tuple(t for t, lack in zip(block.epochs, lacks.any(axis=(0, 2)), strict=True) if lack)
        found.append(
            Gap(
                network=block.network,
                dataset=block.dataset,
                schedule=block.schedule,
                heuristic=block.heuristic,
                technique=technique,
                densities=densities,
                retrain_epochs=ts,
                networks=int(lacks.sum()),
                command=_command(block, technique, densities, ts),
                more="".join(f"; {told}" for told in (block.told_apart(blocks), _changed(block)) if told),
            )
        )
    return found


def _command(block: Block, technique: str, densities: Sequence[float], ts: Sequence[float]) -> str:
    """Return the command that runs these; what is in the run store already is not run again."""
    # A chain goes by all its levels: another one would have other parents.
    wanted = [d for d in block.densities if d >= densities[-1]] if block.schedule == "iterative" else densities
    flags = {
        "network": block.network,
        "dataset": block.dataset,
        "recipe": block.recipe,
        "epochs": f"{block.total_epochs:g}" if float(block.total_epochs).is_integer() else "",
        "schedule": block.schedule,
        "heuristic": block.heuristic,
        "strategy": technique,
        "density": ",".join(map(repr, wanted)),  # to the last digit: a rounded one is another network
        "retrain_epochs": ",".join(f"{t:g}" for t in ts),
        "trials": str(max(block.trials)),
        "seed": f"{block.seed:g}" if pd.notna(block.seed) else "",
        "output_dir": block.store,
    }
    return " ".join([experiment(), *(f"--{flag}={shlex.quote(text)}" for flag, text in flags.items() if text)])


def _changed(block: Block) -> str:
    """Return what the command cannot know: that the recipe was changed by flags of which the results tell no value."""
    try:
        examples = lookup("dataset", DATASETS, block.dataset).train_examples
        digest = training_digest(resolve(block.recipe, examples=examples, epochs=int(block.total_epochs)))
    except ValueError:
        return "this suite has no such dataset or recipe"
    if block.training in ("", digest):
        return ""
    return "add the --learning_rate, --batch_size or --precision of these runs, which are not the recipe's"
