"""The claims table: each claim of the paper for each network, with published value, given value and verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from paper_figures import reference
from paper_figures.blocks import Block, blocks
from paper_figures.bootstrap import interval
from paper_figures.claims import CLAIMS, Claim, Statistic
from paper_figures.select import best_retraining, over_trials, picked

COLUMNS = (
    *("claim", "statement", "where", "network", "dataset", "heuristic", "schedule", "source", "rule", "unit"),
    *("published", "value", "low", "high", "verdict", "trials", "uncertainty"),
)
_ITERATIVE_GAIN = "iterative_beats_one_shot"
_BOOTSTRAP = "90% interval, bootstrap over trials"


def claims_table(given: Sequence[Block]) -> pd.DataFrame:
    """Return a row for each claim and each block that it is about.

    Args:
        given: Blocks to check; each is compared with the published block of the same kind that ships, if there is one.
    """
    shipped = {_key(block): block for block in blocks(reference.table().assign(source="published"))}
    rows = [
        _row(name, claim, claim.statistic, block, shipped.get(_key(block)), claim.statistic)
        for name, claim in CLAIMS.items()
        for block in given
        if block.schedule == claim.schedule and (block.heuristic == "global_magnitude" or not claim.unstructured)
    ]
    for block in given:
        if block.schedule == "iterative" and (other := _one_shot(block, given)) is not None:
            behind = shipped.get(_key(block))
            before = partial(_lead, other=_one_shot(behind, list(shipped.values())) if behind else None)
            rows.append(_row(_ITERATIVE_GAIN, _iterative_claim(), partial(_lead, other=other), block, behind, before))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def as_text(table: pd.DataFrame, width: int = 150) -> str:
    """Return the table for a terminal: a line for each row, without the long columns."""
    lines = []
    for statement, rows in table.groupby("statement", sort=False):
        lines.append(f"{statement}  ({rows['where'].iloc[0]})"[:width])
        for _, row in rows.iterrows():
            show = shown(str(row.unit))
            spread = "" if np.isnan(row.low) else f" ({show(row.low)} to {show(row.high)})"
            value = "-" if np.isnan(row.value) else f"{show(row.value)} {row.unit}{spread}"
            published = "" if np.isnan(row.published) else f"published {show(row.published)}"
            what = f"{row.network}, {row.dataset}, {row.heuristic}"
            lines.append(f"  {row.verdict:16} {what:46} {value:38} {published:18} {row.trials} trials".rstrip())
    return "\n".join(lines)


def shown(unit: str) -> Callable[[float], str]:
    """Return how values of this unit are written: differences with their sign, ratios and shares without."""
    return lambda value: "" if np.isnan(value) else f"{value:.2f}" if unit in ("x", "%") else f"{value:+.2f}"


def _row(
    name: str, claim: Claim, statistic: Statistic, block: Block, behind: Block | None, published: Statistic
) -> dict[str, object]:
    value = statistic(block) if set(claim.sides) <= set(block.techniques) else None
    spread = interval(statistic, block) if value is not None else None
    before = published(behind) if behind is not None and set(claim.sides) <= set(behind.techniques) else None
    if value is None:
        verdict, uncertainty = "not enough data", "none: nothing to compute"
    else:
        verdict = "holds" if claim.holds(value) else "fails"
        uncertainty = _BOOTSTRAP if spread else "none: one trial"
    return {
        "claim": name,
        "statement": claim.statement,
        "where": claim.where,
        "network": block.network,
        "dataset": block.dataset,
        "heuristic": block.heuristic,
        "schedule": block.schedule,
        "source": block.source,
        "rule": claim.rule,
        "unit": block.unit if claim.unit == "points" else claim.unit,
        "published": np.nan if before is None else before,
        "value": np.nan if value is None else value,
        "low": spread[0] if spread else np.nan,
        "high": spread[1] if spread else np.nan,
        "verdict": verdict,
        "trials": len(block.trials),
        "uncertainty": uncertainty,
    }


def _key(block: Block) -> tuple[str, ...]:
    return block.network, block.dataset, block.heuristic, block.schedule


def _one_shot(block: Block, among: Sequence[Block]) -> Block | None:
    """Return the one-shot block of the same study."""
    wanted = replace(block, schedule="one_shot")
    same = [b for b in among if _key(b) == _key(wanted) and (b.source, b.training) == (block.source, block.training)]
    return same[0] if same else None


def _lead(block: Block, other: Block | None) -> float | None:
    """Return lr_rewind iterative minus one-shot at the lowest density that both have, at best retrain epochs."""
    if other is None or not all("lr_rewind" in b.techniques for b in (block, other)):
        return None
    medians = []
    shared = [d for d in block.densities if other.place(d) is not None]
    if not shared:
        return None
    for one in (block, other):
        line = over_trials(picked(one.change, best_retraining(one)))[0][one.techniques.index("lr_rewind")]
        medians.append(line[one.place(shared[-1])])
    lead = float(medians[0] - medians[1])
    return None if np.isnan(lead) else lead


def _iterative_claim() -> Claim:
    return Claim(
        statement="iterative pruning beats one-shot pruning",
        where="accuracy against efficiency, Figures 1 and 2",
        rule="lr_rewind at best retrain epochs, iterative minus one-shot, at the lowest density of both; above 0",
        unit="points",
        statistic=lambda block: None,
        holds=lambda lead: lead > 0,
        schedule="iterative",
        sides=("lr_rewind",),
    )
