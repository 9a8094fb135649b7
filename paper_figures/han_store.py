"""Run stores of the experiment after Han et al. 2015: their results, and what their stages keep by layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tf_lottery import checkpoint, results
from tf_lottery.pruning.state_names import unnumbered

PENALTIES = {"lenet_mnist_l2": "L2", "lenet_mnist_l1": "L1", "lenet_mnist_no_decay": "none"}  # recipe: what it has


@dataclass(frozen=True, kw_only=True, eq=False)
class HanRun:
    """One network's part of a run store."""

    network: str
    root: Path
    table: pd.DataFrame  # results with `penalty`, `start_test_accuracy` and `pruned`, the share of weights that is gone

    def of(self, schedule: str, heuristic: str, penalty: str = "L2") -> pd.DataFrame:
        """Return the pruned networks of one part, by trial and falling density."""
        rows = self.table[
            (self.table.schedule == schedule)
            & (self.table.heuristic.str.split("+").str[0] == heuristic)
            & (self.table.penalty == penalty)
        ]
        return rows.sort_values(["trial", "density"], ascending=[True, False])

    def dense(self, penalty: str = "L2") -> pd.DataFrame:
        """Return the dense networks, by trial."""
        return self.table[(self.table.technique == "dense") & (self.table.penalty == penalty)].sort_values("trial")

    def layers(self, stage: str) -> pd.DataFrame:
        """Return what the stage kept of each layer, and the share of the layer's inputs that is not 0."""
        return pd.read_csv(self._folder(stage) / "layers.csv")

    def sensitivity(self, stage: str) -> pd.DataFrame:
        """Return the accuracies of the network that the stage pruned, each layer pruned alone."""
        return pd.read_csv(self._folder(stage) / "sensitivity.csv")

    def kernel(self, stage: str, place: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return weights and mask of the layer at this place, from 0, when the stage ended."""
        name = unnumbered(self.layers(stage).kernel)[place]
        arrays = checkpoint.read(self._folder(stage) / "final.safetensors")[0]
        return arrays[f"weights/{name}"], arrays[f"masks/{name}"] != 0

    def _folder(self, stage: str) -> Path:
        return self.root / "stages" / stage


def read(root: Path) -> list[HanRun]:
    """Return the networks of a store that were trained by the recipes of this experiment.

    Raises:
        FileNotFoundError: It has no results.csv.
        ValueError: None of its results are of this experiment.
    """
    if not (root / "results.csv").exists():
        raise FileNotFoundError(f"{root} has no results.csv. Expected the --output_dir of a run of this experiment.")
    table = results.read(root / "results.csv")
    table = table[table.recipe.isin(list(PENALTIES)) & table.technique.isin(["dense", "tenth_rate_fine_tune"])]
    if not len(table):
        raise ValueError(f"{root} has no results of this experiment. Run --flagfile=han_lenet_300_100_l2.")
    table = table.assign(penalty=table.recipe.map(PENALTIES), pruned=1 - table.kept_weights / table.prunable_weights)
    return [HanRun(network=str(name), root=root, table=rows) for name, rows in table.groupby("network")]
