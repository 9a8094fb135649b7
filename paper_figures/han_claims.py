"""The claims of Han et al. 2015, each with the rule that decides it, checked on the tables of `han_numbers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

_TIE = 0.1  # points: less than the standard error of 8,000 test images at an error of 1.5%, which is 0.14

COLUMNS = ("claim", "statement", "where", "network", "rule", "unit", "value", "verdict", "trials")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What claims are decided by, of one network."""

    tradeoff: pd.DataFrame
    sensitivity: pd.DataFrame
    histogram: pd.DataFrame
    pixels: pd.DataFrame | None  # of LeNet-300-100

    def line(self, name: str) -> pd.Series[float]:
        """Return the change of a line of the trade-off by density, descending."""
        rows = self.tradeoff[self.tradeoff.line == name]
        return rows.set_index("density").value.sort_index(ascending=False)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the paper, and how a number decides it."""

    statement: str
    where: str  # in the paper
    rule: str
    unit: str
    statistic: Callable[[Tables], float]  # NaN where it does not apply
    holds: Callable[[float], bool]


def _at(line: str, density: float) -> Callable[[Tables], float]:
    def statistic(tables: Tables) -> float:
        found = tables.line(line)
        near = found[np.isclose(found.index, density)]
        return float(near.iloc[0]) if len(near) else float("nan")

    return statistic


def _lead(one: str, other: str) -> Callable[[Tables], float]:
    """Return the mean difference of two lines over the densities that both have."""

    def statistic(tables: Tables) -> float:
        pair = pd.concat([tables.line(one), tables.line(other)], axis=1, keys=["one", "other"]).dropna()
        return float((pair.one - pair.other).mean())

    return statistic


def _iterative_lead(tables: Tables) -> float:
    """Return iterative minus one-shot at the lowest density of both, within 1% of each other."""
    iterative, once = tables.line("L2, pruned and retrained iteratively"), tables.line("L2, retrained")
    pairs = [(d, e) for d in iterative.index for e in once.index if abs(d / e - 1) < 0.01]
    return float(iterative[min(pairs)[0]] - once[min(pairs)[1]]) if pairs else float("nan")


def _first_convolution(tables: Tables) -> float:
    """Return by how much more the first convolution loses than the next most sensitive layer, at 20% of each."""
    losses = {}
    for layer, rows in tables.sensitivity.groupby("layer", sort=False):
        curve = rows.sort_values("kept")
        losses[str(layer)] = -float(np.interp(0.2, curve.kept, curve.value))
    if "conv_1" not in losses:
        return float("nan")
    first = losses.pop("conv_1")
    return first - max(losses.values())


def _valley(tables: Tables) -> float:
    """Return how many weights of the pruned layer lie in the middle, over those in the fullest bin."""
    counts = tables.histogram.after.to_numpy()
    middle = len(counts) // 2
    return float(counts[middle - 1 : middle + 1].mean() / counts.max())


def _centre(tables: Tables) -> float:
    """Return the mean connections of a pixel in the middle 20x20 pixels over those of one outside."""
    if tables.pixels is None:
        return float("nan")
    inside = tables.pixels.row.between(4, 23) & tables.pixels.column.between(4, 23)
    return float(tables.pixels.kept[inside].mean() / max(tables.pixels.kept[~inside].mean(), 1e-9))


CLAIMS: Mapping[str, Claim] = {
    "no_retraining_to_a_half": Claim(
        statement="half of the weights go without retraining and without loss",
        where="Figure 5",
        rule=f"change at 50% kept, trained with L2, not retrained: {-_TIE} or more",
        unit="points",
        statistic=_at("L2, no retraining", 0.5),
        holds=lambda value: value >= -_TIE,
    ),
    "retraining_to_a_tenth": Claim(
        statement="with retraining, nine tenths go without loss",
        where="Figure 5",
        rule=f"change at 10% kept, pruned once and retrained: {-_TIE} or more",
        unit="points",
        statistic=_at("L2, retrained", 0.1),
        holds=lambda value: value >= -_TIE,
    ),
    "iterative_is_best": Claim(
        statement="pruning and retraining iteratively is better than once",
        where="Figure 5",
        rule="iterative minus one-shot at the lowest density of both: above 0",
        unit="points",
        statistic=_iterative_lead,
        holds=lambda value: value > 0,
    ),
    "l1_better_before_retraining": Claim(
        statement="L1 is better than L2 right after pruning",
        where="section 3.1",
        rule="mean of L1 minus L2 over the densities, not retrained: above 0",
        unit="points",
        statistic=_lead("L1, no retraining", "L2, no retraining"),
        holds=lambda value: value > 0,
    ),
    "l2_better_after_retraining": Claim(
        statement="L2 is better than L1 after retraining",
        where="section 3.1",
        rule="mean of L2 minus L1 over the densities, retrained: above 0",
        unit="points",
        statistic=_lead("L2, retrained", "L1, retrained"),
        holds=lambda value: value > 0,
    ),
    "twelvefold_without_loss": Claim(
        statement="one twelfth of the weights is as good as all",
        where="Tables 1, 3 and 4",
        rule=f"change of the iterative chain at 8% kept: {-_TIE} or more",
        unit="points",
        statistic=_at("L2, pruned and retrained iteratively", 0.08),
        holds=lambda value: value >= -_TIE,
    ),
    "first_convolution_most_sensitive": Claim(
        statement="the first convolution is the most sensitive layer",
        where="Figure 6",
        rule="loss of the first convolution alone at 20% of it, minus the greatest of the others: above 0",
        unit="points",
        statistic=_first_convolution,
        holds=lambda value: value > 0,
    ),
    "two_peaks": Claim(
        statement="the weights that are left have two peaks",
        where="Figure 7",
        rule="weights of the first dense layer in the middle bins over the fullest bin: below a half",
        unit="ratio",
        statistic=_valley,
        holds=lambda value: value < 0.5,
    ),
    "centre_of_the_digits": Claim(
        statement="connections are left where the digits are",
        where="Figure 4",
        rule="connections of a pixel in the middle 20x20 over those of one outside: above 2",
        unit="ratio",
        statistic=_centre,
        holds=lambda value: value > 2,
    ),
}


def claims_table(tables: Mapping[str, Tables]) -> pd.DataFrame:
    """Return a row for each claim and network that it is about."""
    rows = []
    for network, given in tables.items():
        for name, claim in CLAIMS.items():
            value = round(claim.statistic(given), 6)
            if not np.isnan(value):
                verdict = "holds" if claim.holds(value) else "fails"
                trials = int(given.tradeoff.trials.max())
                told = (name, claim.statement, claim.where, network, claim.rule, claim.unit, value, verdict, trials)
                rows.append(dict(zip(COLUMNS, told, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
