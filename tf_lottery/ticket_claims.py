"""The claims of Frankle & Carbin 2019 about winning tickets and their controls, each with the rule that decides it.

The places and the densities are those of the paper's LeNet on MNIST (section 2, Figures 3 and 4); at each, the nearest
level that was trained stands for it. Rules are about means over trials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

COLUMNS = (
    *("claim", "statement", "where", "network", "dataset", "training", "seed", "technique", "heuristic"),
    *("retrain_epochs", "rule", "unit", "value", "verdict", "density", "trials"),
)
_A_FIFTH = 0.2115  # 21.1%, and what rounds to it
_NEAR = 1.15  # at most such a factor away from the paper's density
_STUDY = ["network", "dataset", "training", "seed"]
_CHAIN = ["technique", "heuristic", "retrain_epochs"]
Value = tuple[float, float]  # and the density that it is of
_POINTS = "percentage points"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the paper, and how a number decides it."""

    statement: str
    where: str  # in the paper
    rule: str
    unit: str
    statistic: Callable[[pd.DataFrame], Value | None]  # of the verdicts of one chain and its controls
    holds: Callable[[float], bool]


def _at(rows: pd.DataFrame, density: float) -> dict[Any, Any] | None:
    """Return the row of the ticket nearest to a density, None if none is near."""
    found = rows[rows.what == "ticket"].to_dict("records")

    def ratio(row: dict[Any, Any]) -> float:
        return float(max(row["density"] / density, density / row["density"]))

    nearest = min(found, key=ratio, default=None)
    return nearest if nearest and ratio(nearest) <= _NEAR else None


def _against_dense(column: str, density: float, scale: float) -> Callable[[pd.DataFrame], Value | None]:
    def statistic(rows: pd.DataFrame) -> Value | None:
        ticket = _at(rows, density)
        if ticket is None:
            return None
        return scale * (ticket[column] - ticket[f"dense_{column}"]), ticket["density"]

    return statistic


def _against_ticket(what: str, column: str, density: float, scale: float) -> Callable[[pd.DataFrame], Value | None]:
    def statistic(rows: pd.DataFrame) -> Value | None:
        ticket = _at(rows, density)
        if ticket is None:
            return None
        control = rows[(rows.what == what) & (rows.density == ticket["density"])]
        return None if control.empty else (scale * (control[column].iloc[0] - ticket[column]), ticket["density"])

    return statistic


def _smallest(rows: pd.DataFrame) -> Value | None:
    tickets = rows[rows.what == "ticket"]
    density = tickets[tickets.winning].density.min()
    if not (tickets.density <= _A_FIFTH).any():
        return None
    return (100.0, 1.0) if pd.isna(density) else (100 * density, density)


def _once_over_iterative(rows: pd.DataFrame) -> Value | None:
    if not {"ticket", "one_shot"} <= set(rows.what):
        return None
    once, ticket = (rows[(rows.what == what) & rows.winning].density.min() for what in ("one_shot", "ticket"))
    once, ticket = (1.0 if pd.isna(density) else density for density in (once, ticket))
    return 100 * (once - ticket), ticket


def _control_at_smallest(what: str) -> Callable[[pd.DataFrame], Value | None]:
    """Return 1 where the control at the smallest ticket's density is a winning ticket too, else 0."""

    def statistic(rows: pd.DataFrame) -> Value | None:
        smallest = rows[(rows.what == "ticket") & rows.winning].density.min()
        control = rows[(rows.what == what) & (rows.density == smallest)]
        return None if control.empty else (float(control.winning.iloc[0]), smallest)

    return statistic


_STOP, _THERE = "early_stop_step", "early_stop_test_accuracy"
CLAIMS: Mapping[str, Claim] = {
    "tickets_exist": Claim(
        statement="there are winning tickets of a fifth of the weights or fewer",
        where="section 1; Figure 3",
        rule="smallest winning ticket: at most 21.1%",
        unit="% of the weights",
        statistic=_smallest,
        holds=lambda value: value <= 100 * _A_FIFTH,
    ),
    "faster_at_half": Claim(
        statement="tickets of half the weights learn faster than the dense network",
        where="Figure 3, left",
        rule="early-stopping step minus the dense one's, at 51.3%: below 0",
        unit="steps",
        statistic=_against_dense(_STOP, 0.513, 1),
        holds=lambda value: value < 0,
    ),
    "better_at_half": Claim(
        statement="tickets of half the weights reach a higher test accuracy",
        where="Figure 3, left",
        rule="test accuracy at that step minus the dense one's, at 51.3%: above 0",
        unit=_POINTS,
        statistic=_against_dense(_THERE, 0.513, 100),
        holds=lambda value: value > 0,
    ),
    "faster_at_a_fifth": Claim(
        statement="tickets of a fifth of the weights learn faster than the dense network",
        where="Figure 3, left",
        rule="early-stopping step minus the dense one's, at 21.1%: below 0",
        unit="steps",
        statistic=_against_dense(_STOP, 0.211, 1),
        holds=lambda value: value < 0,
    ),
    "better_at_a_fifth": Claim(
        statement="tickets of a fifth of the weights reach a higher test accuracy",
        where="Figure 3, left",
        rule="test accuracy at that step minus the dense one's, at 21.1%: above 0",
        unit=_POINTS,
        statistic=_against_dense(_THERE, 0.211, 100),
        holds=lambda value: value > 0,
    ),
    "equal_at_a_thirtieth": Claim(
        statement="at 3.6% of the weights tickets are about as good as the dense network",
        where="Figure 3, middle",
        rule="test accuracy at that step minus the dense one's, at 3.6%: within 0.25",
        unit=_POINTS,
        statistic=_against_dense(_THERE, 0.036, 100),
        holds=lambda value: abs(value) <= 0.25,
    ),
    "reinitialised_slower": Claim(
        statement="reinitialised, the same networks learn more slowly",
        where="Figure 3, right",
        rule="early-stopping step minus the ticket's, at 51.3%: above 0",
        unit="steps",
        statistic=_against_ticket("random_reinit", _STOP, 0.513, 1),
        holds=lambda value: value > 0,
    ),
    "reinitialised_worse": Claim(
        statement="reinitialised, the same networks are less accurate",
        where="Figure 4",
        rule="test accuracy at that step minus the ticket's, at 21.1%: below 0",
        unit=_POINTS,
        statistic=_against_ticket("random_reinit", _THERE, 0.211, 100),
        holds=lambda value: value < 0,
    ),
    "reinitialised_no_tickets": Claim(
        statement="what is the smallest ticket is none when it is reinitialised",
        where="section 2",
        rule="winning tickets among the reinitialised at that density: none",
        unit="of 1",
        statistic=_control_at_smallest("random_reinit"),
        holds=lambda value: value == 0,
    ),
    "random_masks_worse": Claim(
        statement="random masks of as many weights by layer are less accurate",
        where="Figure 1",
        rule="test accuracy at that step minus the ticket's, at 21.1%: below 0",
        unit=_POINTS,
        statistic=_against_ticket("random_mask", _THERE, 0.211, 100),
        holds=lambda value: value < 0,
    ),
    "shuffled_masks_worse": Claim(
        statement="the same masks shuffled within layers are less accurate",
        where="no place; Frankle et al. 2021",
        rule="test accuracy at that step minus the ticket's, at 21.1%: below 0",
        unit=_POINTS,
        statistic=_against_ticket("shuffled_mask", _THERE, 0.211, 100),
        holds=lambda value: value < 0,
    ),
    "iterative_smaller": Claim(
        statement="iterative pruning finds smaller tickets than pruning once",
        where="section 2, Figure 4",
        rule="smallest one-shot ticket minus the smallest iterative one: above 0",
        unit="% of the weights",
        statistic=_once_over_iterative,
        holds=lambda value: value > 0,
    ),
}


def claims(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each claim and each experiment, of which the table of verdicts has one or more.

    Verdicts are "holds", "fails", or "not enough data": no level is near the paper's, or a control was not trained.
    """
    rows = []
    for study, group in verdicts.groupby(_STUDY, dropna=False, sort=False):
        tickets = group[group.what == "ticket"]
        for chain, levels in tickets.groupby(_CHAIN, sort=False):
            own = group[[_belongs(row, chain) for row in group.to_dict("records")]]
            for name, claim in CLAIMS.items():
                found = claim.statistic(own)
                value, density = found or (float("nan"), float("nan"))
                verdict = "not enough data" if found is None else "holds" if claim.holds(round(value, 9)) else "fails"
                rows.append(
                    {
                        "claim": name,
                        "statement": claim.statement,
                        "where": claim.where,
                        **dict(zip(_STUDY, study, strict=True)),
                        **dict(zip(_CHAIN, chain, strict=True)),
                        "rule": claim.rule,
                        "unit": claim.unit,
                        "value": value,
                        "verdict": verdict,
                        "density": density,
                        "trials": int(levels.trials.max()),
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _belongs(row: Mapping[Any, Any], chain: tuple[Any, ...]) -> bool:
    """Say whether a row of verdicts is of this chain, or of one of its controls."""
    technique, heuristic, retrain_epochs = chain
    base = str(row["heuristic"]).replace("shuffled", "magnitude").replace("random", "magnitude")
    if base != heuristic:
        return False
    if row["what"] == "random_reinit":  # trains T epochs, whatever t
        return True
    return bool(row["technique"] == technique and row["retrain_epochs"] == retrain_epochs)


def as_text(table: pd.DataFrame) -> str:
    """Return the claims for a terminal: a line each."""
    lines = ["Claims of Frankle & Carbin 2019, by means over trials"]
    several = len(table[_CHAIN].drop_duplicates()) > 1
    chain: tuple[Any, ...] = ()
    for row in table.to_dict("records"):
        if several and chain != (chain := tuple(row[column] for column in _CHAIN)):
            lines.append(f"{chain[0]} with {chain[1]}, T - {chain[2]:g}")
        value = "" if pd.isna(row["value"]) else f"{row['value']:+.2f} {row['unit']}"
        at = "" if pd.isna(row["density"]) else f"at {100 * row['density']:.1f}%"
        lines.append(f"  {row['verdict']:15} {row['statement']:74} {value:28} {at}".rstrip())
    return "\n".join(lines)
