"""The claims table: each claim of the paper for each network, with published value, given value and verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from . import reference
from .blocks import Block, blocks, training_name
from .bootstrap import interval, shared_trials
from .claims import CLAIMS, Claim
from .claims_since import CLAIMS_SINCE
from .other_schedules import falls

COLUMNS = (
    *("claim", "statement", "where", "network", "dataset", "heuristic", "schedule", "source", "training", "seed"),
    *("rule", "unit", "published", "value", "low", "high", "verdict", "settled", "trials", "uncertainty"),
)
_BOOTSTRAP = "90% interval, bootstrap over trials"
_STUDY = ["source", "network", "dataset"]


def claims_table(given: Sequence[Block]) -> pd.DataFrame:
    """Return a row for each claim and each block that it is about.

    Args:
        given: Blocks to check; each is compared with the published block of the same kind that ships, if there is one.
    """
    shipped = {block.kind: block for block in blocks(reference.table().assign(source="published"))}
    rows = []
    for name, claim in {**CLAIMS, **CLAIMS_SINCE}.items():
        for block in given:
            if block.schedule != claim.schedule or (claim.unstructured and block.heuristic != "global_magnitude"):
                continue
            sides = _sides(claim, block, given)
            # To compare two schedules is no claim about results of one; nor one of later papers about the paper's grid.
            if sides or not (claim.beside or name in CLAIMS_SINCE):
                theirs = _sides(claim, shipped[block.kind], [*shipped.values()]) if block.kind in shipped else ()
                rows.append(_row(name, claim, block, sides, _value(claim, theirs)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def as_text(table: pd.DataFrame, width: int = 150) -> str:
    """Return the table for a terminal: a line for each row, without the long columns."""
    lines = []
    for statement, rows in table.assign(more=trainings_of(table)).groupby("statement", sort=False):
        lines.append(f"{statement}  ({rows['where'].iloc[0]})"[:width])
        for _, row in rows.iterrows():
            show = shown(str(row.unit))
            spread = "" if np.isnan(row.low) else f" ({show(row.low)} to {show(row.high)})"
            value = "-" if np.isnan(row.value) else f"{show(row.value)} {row.unit}{spread}"
            published = "" if np.isnan(row.published) else f"published {show(row.published)}"
            what = ", ".join(filter(None, (row.network, row.dataset, row.heuristic, row.more)))
            verdict = row.verdict + (", unsettled" if row.settled == "no" else "")
            many = f"{row.trials} trial{'' if row.trials == 1 else 's'}"
            lines.append(f"  {verdict:16} {what:46} {value:38} {published:18} {many}")
    return "\n".join(lines)


def trainings_of(table: pd.DataFrame) -> pd.Series[str]:
    """Return each row's training and seed as text where the table has several of its network, else ""."""
    names = pd.Series(
        [training_name(training, seed) for training, seed in zip(table.training, table.seed, strict=True)],
        index=table.index, dtype=object,
    )  # fmt: skip
    several = names.groupby([table[column] for column in _STUDY]).transform("nunique") > 1
    return names.where(several, "")


def shown(unit: str) -> Callable[[float], str]:
    """Return how values of this unit are written: differences with their sign, ratios and shares without."""
    return lambda value: "" if np.isnan(value) else f"{value:.2f}" if unit in ("x", "%") else f"{value:+.2f}"


def _sides(claim: Claim, block: Block, among: Sequence[Block]) -> tuple[Block, ...]:
    """Return the blocks that the claim's statistic takes, () if one is not there."""
    beside = _beside(claim, block, among)
    sides = (block, *beside)
    has_all = all(set(claim.techniques) <= set(side.techniques) for side in sides)
    return sides if has_all and (beside or not claim.beside) else ()


def _beside(claim: Claim, block: Block, among: Sequence[Block]) -> list[Block]:
    others = [other for other in among if other is not block and set(claim.techniques) <= set(other.techniques)]
    if claim.beside == "criteria":
        return [other for other in others if (other.study, other.schedule) == (block.study, block.schedule)]
    if claim.beside == "trainings":
        # One row for all of them, in that of the one with drops.
        alike = [other for other in others if (other.source, other.kind) == (block.source, block.kind)]
        return alike if falls(block) == "staircase" else []
    wanted = replace(block, schedule=claim.beside)
    return [other for other in among if claim.beside and (other.study, other.kind) == (wanted.study, wanted.kind)][:1]


def _value(claim: Claim, sides: Sequence[Block]) -> float | None:
    value = claim.statistic(*sides) if sides else None
    return None if value is None else round(value, 9)  # differences that are 0 may not be, in their last bits


def _row(name: str, claim: Claim, block: Block, sides: Sequence[Block], published: float | None) -> dict[str, object]:
    value = _value(claim, sides)
    trials = shared_trials(sides, claim.techniques) if value is not None else ()
    spread = interval(claim.statistic, sides, trials) if value is not None else None
    if value is None:
        verdict, settled, uncertainty = "not enough data", "", "none: nothing to compute"
    else:
        verdict = "holds" if claim.holds(value) else "fails"
        ends = {claim.holds(round(end, 9)) for end in spread or ()}
        settled = "" if spread is None else "yes" if ends == {claim.holds(value)} else "no"
        uncertainty = _BOOTSTRAP if spread else "none: fewer than two trials"
    return {
        "claim": name,
        "statement": claim.statement,
        "where": claim.where,
        "network": block.network,
        "dataset": block.dataset,
        "heuristic": block.heuristic,
        "schedule": block.schedule,
        "source": block.source,
        "training": block.training,
        "seed": block.seed,
        "rule": claim.rule,
        "unit": block.unit if claim.unit == "points" else claim.unit,
        "published": np.nan if published is None else published,
        "value": np.nan if value is None else value,
        "low": spread[0] if spread else np.nan,
        "high": spread[1] if spread else np.nan,
        "verdict": verdict,
        "settled": settled,
        "trials": len(trials),
        "uncertainty": uncertainty,
    }
