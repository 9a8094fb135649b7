"""Verdicts over a table of results: which pruned networks are winning tickets, and which controls are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tf_lottery.tickets import Outcome, is_winning_ticket

RULE = (
    "test accuracy at the early-stopping step, and at the end, at least that of the dense networks; that step at most "
    "theirs; means over trials"
)
COLUMNS = (
    *("network", "dataset", "training", "seed", "what", "technique", "heuristic", "schedule", "retrain_epochs"),
    *("density", "trials", "early_stop_step", "early_stop_step_low", "early_stop_step_high"),
    *("early_stop_test_accuracy", "early_stop_test_accuracy_low", "early_stop_test_accuracy_high"),
    *("test_accuracy", "test_accuracy_low", "test_accuracy_high", "winning", "trials_winning", "smallest"),
    *("dense_early_stop_step", "dense_early_stop_test_accuracy", "dense_test_accuracy"),
)
_KINDS = ("ticket", "one_shot", "random_reinit", "random_mask", "shuffled_mask")
_MEASURED = ("early_stop_step", "early_stop_test_accuracy", "test_accuracy")
_STUDY = ["network", "dataset", "training", "seed"]
_CHAIN = ["what", "technique", "heuristic", "schedule", "retrain_epochs"]


def verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each kind of pruned network at each density: whether it is a winning ticket, and its trials.

    Means and ranges over trials; in how many trials the rule holds against the trial's own dense network; and which is
    the smallest winning ticket of its kind.

    Args:
        frame: Results of stages that were evaluated by step (--evaluate_steps), with their dense networks.
    """
    rows = []
    evaluated = frame[frame["early_stop_step"].notna()] if "early_stop_step" in frame else frame.iloc[:0]
    # Copies that see the examples in another order are further trials of a network, and not of a trial.
    evaluated = evaluated[~sees_another_order(evaluated)]
    for study, group in evaluated.groupby(_STUDY, dropna=False, sort=False):
        dense = group[group.technique == "dense"]
        pruned = group[group.technique != "dense"]
        if dense.empty or pruned.empty:
            continue
        pruned = pruned.assign(what=[kind(row, several_schedules(pruned)) for row in pruned.to_dict("records")])
        pruned = pruned.sort_values("what", key=lambda what: what.map(_KINDS.index), kind="stable")
        for chain, levels in pruned.groupby(_CHAIN, dropna=False, sort=False):
            found: list[dict[str, Any]] = [_row(level, dense) for _, level in levels.groupby("density")]
            smallest = min((row["density"] for row in found if row["winning"]), default=None)
            for row in found[::-1]:
                named = dict(zip((*_STUDY, *_CHAIN), (*study, *chain), strict=True))
                rows.append(named | row | {"smallest": row["density"] == smallest})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sees_another_order(frame: pd.DataFrame) -> pd.Series[bool]:
    """Say of each row whether it is a copy that saw the examples in another order (--data_order_seed)."""
    return frame.heuristic.astype(str).str.contains("+order_", regex=False)


def several_schedules(pruned: pd.DataFrame) -> bool:
    """Say whether networks were pruned iteratively and, beside them, once."""
    return {"iterative", "one_shot"} <= set(pruned.schedule)


def kind(row: Mapping[Any, Any], beside_iterative: bool) -> str:
    """Return "ticket", or the control that a row of results is."""
    heuristic = str(row["heuristic"])
    if row["technique"] == "random_reinit":
        return "random_reinit"
    for word in ("shuffled", "random"):
        if word in heuristic:
            return f"{word}_mask"
    return "one_shot" if beside_iterative and row["schedule"] == "one_shot" else "ticket"


def as_text(table: pd.DataFrame) -> str:
    """Return verdicts for a terminal: a line each, the smallest winning ticket of each kind named below."""

    def spread(column: str, scale: float, form: str) -> list[str]:
        return [
            f"{form.format(scale * row[column])} ({form.format(scale * row[f'{column}_low'])} to "
            f"{form.format(scale * row[f'{column}_high'])})"
            for row in table.to_dict("records")
        ]

    shown = pd.DataFrame(
        {
            "what": table.what,
            "rewound to": [f"T - {t:g}" for t in table.retrain_epochs],
            "P_m [%]": (100 * table.density).map("{:.1f}".format),
            "early-stopping step": spread("early_stop_step", 1, "{:.0f}"),
            "test accuracy there [%]": spread("early_stop_test_accuracy", 100, "{:.2f}"),
            "at the end [%]": spread("test_accuracy", 100, "{:.2f}"),
            "winning ticket": table.winning.map({True: "yes", False: "no"}),
            "in trials": [f"{won} of {of}" for won, of in zip(table.trials_winning, table.trials, strict=True)],
        }
    )
    if len(table[table.what == "ticket"][["technique", "heuristic"]].drop_duplicates()) > 1:
        shown.insert(1, "how", table.technique + ", " + table.heuristic)
    if table.retrain_epochs.nunique() == 1:
        shown = shown.drop(columns="rewound to")
    first = table.iloc[0]
    dense = (
        f"dense networks: step {first.dense_early_stop_step:.0f}, "
        f"{100 * first.dense_early_stop_test_accuracy:.2f}% there, {100 * first.dense_test_accuracy:.2f}% at the end"
    )
    lines = [f"Winning tickets: {RULE}", dense, shown.to_string(index=False)]
    for what, rows in table.groupby("what", sort=False):
        least = rows[rows.smallest].density.min()
        lines.append(
            f"smallest winning ticket, {what}: " + ("none" if pd.isna(least) else f"{100 * least:.1f}% of the weights")
        )
    return "\n".join(lines)


def _row(level: pd.DataFrame, dense: pd.DataFrame) -> dict[str, Any]:
    own = [(_trained(rows), _trained(dense[dense.trial == trial])) for trial, rows in level.groupby("trial")]
    row: dict[str, Any] = {"density": level.density.iloc[0], "trials": level.trial.nunique()}
    for column in _MEASURED:
        trials = level[column]
        row |= {column: trials.mean(), f"{column}_low": trials.min(), f"{column}_high": trials.max()}
        row[f"dense_{column}"] = dense[column].mean()
    return row | {
        "winning": is_winning_ticket(_trained(level), _trained(dense)),
        "trials_winning": sum(is_winning_ticket(pruned, whole) for pruned, whole in own if whole),
    }


def _trained(rows: pd.DataFrame) -> list[Outcome]:
    columns = (rows.early_stop_step, rows.early_stop_test_accuracy, rows.test_accuracy)
    return [
        Outcome(early_stop_step=float(step), early_stop_accuracy=float(stopped), accuracy=float(accuracy))
        for step, stopped, accuracy in zip(*columns, strict=True)
    ]
