"""What the figures after Molchanov et al. 2017 draw: functions from run stores to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from tf_lottery.pruning.rank_correlation import spearman

from .molchanov_store import ORACLE, MolchanovRun

# Their Table 1, VGG-16 on Birds-200: rank correlation with oracle-abs by layer; and over all, over layers' l2 norm.
# Of their first version; the second adds APoZ.
THEIRS: Mapping[str, tuple[float, float]] = {
    "map_weight": (0.27, 0.33),
    "map_mean": (0.56, 0.64),
    "map_std": (0.57, 0.66),
    "map_taylor": (0.73, 0.73),
}


def counts(runs: Sequence[MolchanovRun]) -> pd.DataFrame:
    """Return test accuracy [%] by criterion and share of the channels, over the trials.

    `channels`, `weights` and `flops` are what is left [%], medians; `way` is chain, with few updates between removals,
    or fine_tuned, for longer, beside it.
    """
    parts = []
    for run in runs:
        rows = pd.concat([run.chain(criterion) for criterion in run.criteria()])
        rows = pd.concat([rows, run.table[(run.table.way == "fine_tuned") & run.table.parent.isin(rows.stage)]])
        parts.append(_cells(rows.assign(network=run.network), ["network", "way", "criterion", "density"]))
    return pd.concat(parts, ignore_index=True)


def updates(runs: Sequence[MolchanovRun]) -> pd.DataFrame:
    """Return the same of the chains by Taylor, by how many updates lie between removals (their Figure 6)."""
    parts = []
    for run in runs:
        rows = run.table[(run.table.way == "chain") & (run.table.criterion == "map_taylor")]
        parts.append(_cells(rows.assign(network=run.network), ["network", "updates", "density"]))
    return pd.concat(parts, ignore_index=True)


def correlations(runs: Sequence[MolchanovRun]) -> pd.DataFrame:
    """Return Spearman's rank correlation of each criterion's scores of the dense network with those of the oracle.

    `layers` is the mean over layers, `all` over all channels together, medians over the trials; beside them theirs.
    """
    rows: list[dict[str, object]] = []
    for run in runs:
        if ORACLE not in run.criteria():
            continue
        for criterion in run.criteria():
            found = pd.DataFrame(
                [_against_oracle(run, criterion, int(trial)) for trial in run.chain(criterion).trial.unique()]
            )
            theirs = THEIRS.get(criterion, (float("nan"), float("nan")))
            more = {"layers_theirs": theirs[0], "all_theirs": theirs[1], "trials": len(found)}
            row: dict[str, object] = {"network": run.network, "criterion": criterion}
            row.update({str(name): float(value) for name, value in found.median().items()})
            rows.append(row | more)
    return pd.DataFrame(rows)


def ranks(runs: Sequence[MolchanovRun]) -> pd.DataFrame:
    """Return the rank of each channel of the dense network by the oracle, 1 the first to go (their Figure 2).

    Of the first trial.
    """
    parts = []
    for run in runs:
        if ORACLE in run.criteria():
            scores = run.scores(ORACLE, int(run.chain(ORACLE).trial.min()))
            told = scores.assign(network=run.network, rank=scores.score.rank(method="first").astype(int))
            parts.append(told[["network", "group", "channel", "score", "rank"]])
    return (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["network", "group", "channel", "rank"])
    )


def _against_oracle(run: MolchanovRun, criterion: str, trial: int) -> dict[str, float]:
    own, oracle = (run.scores(name, trial) for name in (criterion, ORACLE))
    both = own.merge(oracle, on=["group", "channel"], suffixes=("", "_oracle"))
    by_layer = {str(name): spearman(rows.score, rows.score_oracle) for name, rows in both.groupby("group", sort=False)}
    mean = float(pd.Series(list(by_layer.values())).mean())
    return {"layers": mean, "all": spearman(both.score, both.score_oracle)} | by_layer


def _cells(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    told = rows.assign(
        accuracy=100 * rows.test_accuracy,
        channels_left=100 * rows.channels / rows.all_channels,
        weights_left=100 * rows.kept_weights / rows.prunable_weights,
        flops_left=100 * rows.flops / rows.dense_flops,
    )
    cells = told.groupby(keys, sort=True).agg(
        channels=("channels_left", "median"),
        weights=("weights_left", "median"),
        flops=("flops_left", "median"),
        value=("accuracy", "median"),
        low=("accuracy", "min"),
        high=("accuracy", "max"),
        trials=("trial", "nunique"),
    )
    order = {name: name != "density" for name in keys}
    return cells.reset_index().sort_values(keys, ascending=list(order.values()), ignore_index=True)
