"""Run stores of the experiment after Molchanov et al. 2017: chains of levels that lose channels, and their scores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tf_lottery import results

ORACLE = "map_oracle"
_SUFFIX = "+of_channels"


@dataclass(frozen=True, kw_only=True, eq=False)
class MolchanovRun:
    """One network's part of a run store."""

    network: str
    root: Path
    # Results with `criterion`, `way` (dense, chain, or fine_tuned beside it), `updates` between removals, `channels`
    # left, `all_channels`, and the stage's `parent`.
    table: pd.DataFrame

    def chain(self, criterion: str) -> pd.DataFrame:
        """Return the levels of a criterion's chain that most criteria have: of one number of updates."""
        chains = self.table[self.table.way == "chain"]
        usual = chains.groupby("updates").criterion.nunique().idxmax()
        return chains[(chains.criterion == criterion) & (chains.updates == usual)]

    def dense(self) -> pd.DataFrame:
        """Return the dense networks, by trial."""
        return self.table[self.table.way == "dense"].sort_values("trial")

    def criteria(self) -> list[str]:
        """Return the criteria that have chains, in the order of their names."""
        return sorted(self.table[self.table.way == "chain"].criterion.unique())

    def scores(self, criterion: str, trial: int) -> pd.DataFrame:
        """Return the scores of the dense network's channels: group, channel, score."""
        levels = self.chain(criterion)
        first = levels[levels.trial == trial].sort_values("density").iloc[-1]
        return _channels(self.root, first.stage)


def read(root: Path) -> list[MolchanovRun]:
    """Return the networks of a store whose channels were pruned to shares of them.

    Raises:
        FileNotFoundError: It has no results.csv, or lacks a file of a stage.
        ValueError: None of its results are of this experiment.
    """
    if not (root / "results.csv").exists():
        raise FileNotFoundError(f"{root} has no results.csv. Expected the --output_dir of a run of this experiment.")
    table = results.read(root / "results.csv")
    pruned = table[table.heuristic.str.endswith(_SUFFIX) & (table.schedule == "iterative")]
    if not len(pruned):
        raise ValueError(f"{root} has no results of this experiment. Run --flagfile=molchanov_lenet_5.")
    table = pd.concat([table[table.technique == "dense"], pruned])
    table = table[table.network.isin(pruned.network)]
    stages = zip(table.stage, table.technique == "dense", strict=True)
    told = pd.DataFrame([_told(root, str(stage), is_dense=bool(is_dense)) for stage, is_dense in stages])
    table = pd.concat([table.reset_index(drop=True), told], axis=1)
    density = table.set_index("stage").density
    beside = table.parent.map(density) == table.density
    table = table.assign(
        criterion=table.heuristic.str.removesuffix(_SUFFIX),
        way=beside.map({True: "fine_tuned", False: "chain"}).where(table.technique != "dense", "dense"),
    )
    return [MolchanovRun(network=str(name), root=root, table=rows) for name, rows in table.groupby("network")]


def _told(root: Path, stage: str, *, is_dense: bool) -> dict[str, object]:
    """Return what the stage's own files say."""
    if is_dense:
        return {"parent": "", "updates": 0, "channels": 0, "all_channels": 0}
    folder = root / "stages" / stage
    kept = _channels(root, stage).kept
    return {
        "parent": json.loads((folder / "spec.json").read_text(encoding="utf-8"))["parent"],
        "updates": json.loads((folder / "result.json").read_text(encoding="utf-8"))["steps"],
        "channels": int(kept.sum()),
        "all_channels": len(kept),
    }


def _channels(root: Path, stage: str) -> pd.DataFrame:
    return pd.read_csv(root / "stages" / stage / "channels.csv")
