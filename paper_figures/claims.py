"""What the paper's text claims, each as a rule that a block of results passes or fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from . import literature, no_loss, select
from .blocks import SAFE_ZONE, Block
from .select import Chosen

Statistic = Callable[..., float | None]  # of the block, and of the one beside it; None: not enough data

TIE = 0.1  # points; smaller differences of medians over three trials are ties, on 8,000 test images (8 of them)
_FT, _WR, _LRR, _LOW, _NEW = "fine_tune", "weight_rewind", "lr_rewind", "low_lr_weight_rewind", "reinit"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of the paper that data can contradict."""

    statement: str
    where: str  # in the paper
    rule: str  # in words; what `statistic` computes and `holds` asks of it
    unit: str  # "points" becomes pp or BLEU
    statistic: Statistic
    holds: Callable[[float], bool]
    schedule: str  # of the blocks that it is about
    unstructured: bool = True  # whether it is about those alone
    techniques: tuple[str, ...]  # which must be there
    # What the statistic takes too: the block of another schedule of the same study; or those of all its other
    # "criteria"; or, of that pruning, of all other "trainings" of that network.
    beside: str = ""


def mean_gain(block: Block, one: str, other: str) -> float | None:
    """Return the mean over densities and t in the safe zone of one median minus the other."""
    gains = _gains(block, one, other, _in_zone(block))
    return float(gains.mean()) if gains.size else None


def mean_gain_below(block: Block, one: str, other: str) -> float | None:
    """Return the mean over densities and t below the safe zone of one median minus the other."""
    below = np.array(block.epochs) < SAFE_ZONE[0] * block.total_epochs - 1e-9
    gains = _gains(block, one, other, below)
    return float(gains.mean()) if gains.size else None


def share_at_least(block: Block, one: str, other: str) -> float | None:
    """Return the share of cells in the safe zone where one median is at least the other [%]."""
    gains = _gains(block, one, other, _in_zone(block))
    return float(100 * (gains >= -1e-9).mean()) if gains.size else None


def gain_at_strongest(block: Block, one: str, other: str) -> float | None:
    """Return the gain at best retrain epochs at the lowest density, minus that at the highest."""
    best = _best_gain(block, one, other)
    known = best[~np.isnan(best)]
    return float(known[-1] - known[0]) if known.size > 1 else None


def best_gain_mean(block: Block, one: str, other: str) -> float | None:
    """Return the mean over densities of one median minus the other, each at its best retrain epochs."""
    best = _best_gain(block, one, other)
    return float(np.nanmean(best)) if np.isfinite(best).any() else None


def change_past_zone(block: Block, technique: str) -> float | None:
    """Return the mean over densities of the change at t = T minus that at the technique's last t in the safe zone."""
    medians = select.over_trials(block.change)[0][block.techniques.index(technique)]
    known = np.isfinite(medians).any(axis=0)
    safe = np.flatnonzero(_in_zone(block) & known)
    full = np.flatnonzero(np.isclose(block.epochs, block.total_epochs) & known)
    if not safe.size or not full.size:
        return None
    falls = medians[:, full[0]] - medians[:, safe[-1]]
    return float(np.nanmean(falls)) if np.isfinite(falls).any() else None


def no_loss_ratio(block: Block, technique: str, choose: Callable[[Block], Chosen]) -> float | None:
    """Return the greatest compression ratio whose median is not below the dense mean; 1 if there is none."""
    chosen = choose(block)
    if not np.isfinite(select.picked(block.test, chosen)[block.techniques.index(technique)]).any():
        return None
    lowest, _ = no_loss.lowest_density(block, technique, chosen)
    return 1 / lowest if lowest is not None else 1.0


def no_loss_lead(block: Block, one: str, other: str) -> float | None:
    """Return how many times as far one technique compresses without loss as the other, at best retrain epochs.

    Over the densities that both have; None where neither loses anything at the lowest of them.
    """
    rows = [block.techniques.index(technique) for technique in (one, other)]
    lines = select.over_trials(select.picked(block.change, select.best_retraining(block)))[0][rows]
    both = np.flatnonzero(np.isfinite(lines).all(axis=0))
    if not both.size or (lines[:, both[-1]] >= -1e-9).all():
        return None
    ratios = [max([1.0, *(1 / block.densities[place] for place in both if line[place] >= -1e-9)]) for line in lines]
    return ratios[0] / ratios[1]


def worst_against_literature(block: Block) -> float | None:
    """Return the least lead of the algorithm over a point of the literature, in the block's unit."""
    points = [point for point in literature.points_of(block) if point.by_compression]
    if not points:
        return None
    medians = select.over_trials(select.picked(block.change, select.full_retraining(block)))[0]
    line = medians[block.techniques.index("lr_rewind")]
    densities = np.array(block.densities)
    leads = []
    for point in points:
        # On the line between the two levels around the point, over log compression, as the eye reads the figure.
        known = ~np.isnan(line)
        if known.any() and densities[known].min() <= point.density <= densities[known].max():
            value = np.interp(np.log(1 / point.density), np.log(1 / densities[known]), line[known])
            leads.append(value - point.change)
    return float(min(leads)) if leads else None


def gap_without_search(block: Block) -> float | None:
    """Return the mean over densities of weight_rewind at the end of the safe zone minus lr_rewind at t = T."""
    fixed, full = select.fixed_retraining(block), select.full_retraining(block)
    rewound, algorithm = block.techniques.index(_WR), block.techniques.index(_LRR)
    in_zone = np.append(_in_zone(block), False)  # the last for -1: none chosen
    ends = select.over_trials(select.picked(block.change, np.where(in_zone[fixed], fixed, -1)))[0][rewound]
    gaps = ends - select.over_trials(select.picked(block.change, full))[0][algorithm]
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else None


def lead_of_iterative(iterative: Block, one_shot: Block) -> float | None:
    """Return lr_rewind iterative minus one-shot at the lowest density that both have, at best retrain epochs."""
    lines = [
        select.over_trials(select.picked(block.change, select.best_retraining(block)))[0][block.techniques.index(_LRR)]
        for block in (iterative, one_shot)
    ]
    pairs = [(place, one_shot.place(density)) for place, density in enumerate(iterative.densities)]
    leads = [lines[0][mine] - lines[1][theirs] for mine, theirs in pairs if theirs is not None]
    known = [float(lead) for lead in leads if np.isfinite(lead)]
    return known[-1] if known else None


def _in_zone(block: Block) -> npt.NDArray[np.bool_]:
    shares = np.array(block.epochs) / block.total_epochs
    return (shares >= SAFE_ZONE[0] - 1e-9) & (shares <= SAFE_ZONE[1] + 1e-9)


def _gains(block: Block, one: str, other: str, at: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    medians = select.over_trials(block.change)[0]
    gains: npt.NDArray[np.float64] = medians[block.techniques.index(one)] - medians[block.techniques.index(other)]
    gains = gains[:, at]
    return gains[~np.isnan(gains)]


def _best_gain(block: Block, one: str, other: str) -> npt.NDArray[np.float64]:
    medians = select.over_trials(select.picked(block.change, select.best_retraining(block)))[0]
    gains: npt.NDArray[np.float64] = medians[block.techniques.index(one)] - medians[block.techniques.index(other)]
    return gains


def _claim(statement: str, where: str, rule: str, statistic: Statistic, holds: Callable[[float], bool], unit: str,
           schedule: str, *techniques: str, unstructured: bool = True, beside: str = "") -> Claim:  # fmt: skip
    return Claim(
        statement=statement, where=where, rule=rule, statistic=statistic, holds=holds, unit=unit, schedule=schedule,
        techniques=techniques, unstructured=unstructured, beside=beside,
    )  # fmt: skip


_SEARCH, _EFFICIENCY = "accuracy against search cost, Figures 3 and 4", "accuracy against efficiency, Figures 1 and 2"
_ALGORITHM, _ABLATION = "the pruning algorithm, Figure 5", "appendix, ablations"

CLAIMS: Mapping[str, Claim] = {
    "weight_rewind_beats_fine_tune": _claim(
        "weight rewinding beats fine-tuning at equal retraining, within the safe zone", _SEARCH,
        "mean over densities and t from 25% to 90% of T of median accuracy, weight_rewind minus fine_tune; above 0",
        partial(mean_gain, one=_WR, other=_FT), lambda gain: gain > 0, "points", "one_shot", _WR, _FT,
        unstructured=False,
    ),
    "lr_rewind_beats_fine_tune": _claim(
        "learning rate rewinding beats fine-tuning at equal retraining, within the safe zone", _SEARCH,
        "mean over densities and t from 25% to 90% of T of median accuracy, lr_rewind minus fine_tune; above 0",
        partial(mean_gain, one=_LRR, other=_FT), lambda gain: gain > 0, "points", "one_shot", _LRR, _FT,
        unstructured=False,
    ),
    "weight_rewind_wins_cells": _claim(
        "weight rewinding is at least as good as fine-tuning in most cells of the safe zone", _SEARCH,
        "share of cells with t from 25% to 90% of T where weight_rewind's median is not lower; 75% or more",
        partial(share_at_least, one=_WR, other=_FT), lambda share: share >= 75, "%", "one_shot", _WR, _FT,
    ),
    "lr_rewind_wins_cells": _claim(
        "learning rate rewinding is at least as good as fine-tuning in most cells of the safe zone", _SEARCH,
        "share of cells with t from 25% to 90% of T where lr_rewind's median is not lower; 75% or more",
        partial(share_at_least, one=_LRR, other=_FT), lambda share: share >= 75, "%", "one_shot", _LRR, _FT,
    ),
    "gain_grows": _claim(
        "the gain of rewinding grows with compression", _EFFICIENCY,
        "lr_rewind minus fine_tune at best retrain epochs, at the lowest density minus at the highest; above 0",
        partial(gain_at_strongest, one=_LRR, other=_FT), lambda gain: gain > 0, "points", "one_shot", _LRR, _FT,
    ),
    "lr_rewind_matches_weight_rewind": _claim(
        "learning rate rewinding matches or beats weight rewinding, one-shot", _EFFICIENCY,
        f"mean over densities of lr_rewind minus weight_rewind at best retrain epochs; -{TIE} or above",
        partial(best_gain_mean, one=_LRR, other=_WR), lambda gain: gain >= -TIE, "points", "one_shot", _LRR, _WR,
        unstructured=False,
    ),
    "lr_rewind_matches_weight_rewind_iterative": _claim(
        "learning rate rewinding matches or beats weight rewinding, iterative", _EFFICIENCY,
        f"mean over densities of lr_rewind minus weight_rewind at best retrain epochs; -{TIE} or above",
        partial(best_gain_mean, one=_LRR, other=_WR), lambda gain: gain >= -TIE, "points", "iterative", _LRR, _WR,
    ),
    "lr_rewind_beats_fine_tune_iterative": _claim(
        "learning rate rewinding beats fine-tuning, iterative", _EFFICIENCY,
        "mean over densities of lr_rewind minus fine_tune at best retrain epochs; above 0",
        partial(best_gain_mean, one=_LRR, other=_FT), lambda gain: gain > 0, "points", "iterative", _LRR, _FT,
    ),
    "safe_zone_ends_for_weight_rewind": _claim(
        "weights rewound to initialisation (t = T) do worse than at the end of the safe zone", _SEARCH,
        f"mean over densities of weight_rewind at t = T minus at its last t in the safe zone; below -{TIE}",
        partial(change_past_zone, technique=_WR), lambda fall: fall < -TIE, "points", "one_shot", _WR,
    ),
    "no_end_for_lr_rewind": _claim(
        "learning rate rewinding does not fall at t = T", _SEARCH,
        f"mean over densities of lr_rewind at t = T minus at its last t in the safe zone; -{TIE} or above",
        partial(change_past_zone, technique=_LRR), lambda fall: fall >= -TIE, "points", "one_shot", _LRR,
    ),
    "short_retraining_is_equal": _claim(
        "below the safe zone, rewinding and fine-tuning are alike", _SEARCH,
        f"mean over densities and t below 25% of T of lr_rewind minus fine_tune; within {TIE}",
        partial(mean_gain_below, one=_LRR, other=_FT), lambda gain: abs(gain) <= TIE, "points",
        "one_shot", _LRR, _FT,
    ),
    "algorithm_no_loss": _claim(
        "the algorithm (iterative lr_rewind, t = T) compresses without loss", _ALGORITHM,
        "greatest compression ratio whose median is not below the dense mean; above 1",
        partial(no_loss_ratio, technique=_LRR, choose=select.full_retraining), lambda ratio: ratio > 1, "x",
        "iterative", _LRR,
    ),
    "no_loss_further": _claim(
        "learning rate rewinding compresses further than fine-tuning without loss, iterative", _EFFICIENCY,
        "greatest no-loss compression ratio of densities that both have, lr_rewind's over fine_tune's, 1x where there "
        "is none; above 1",
        partial(no_loss_lead, one=_LRR, other=_FT), lambda ratio: ratio > 1, "x", "iterative", _LRR, _FT,
    ),
    "best_no_loss_lr_rewind": _claim(
        "how far learning rate rewinding compresses without loss, iterative", _EFFICIENCY,
        "greatest compression ratio at best retrain epochs whose median is not below the dense mean; above 1",
        partial(no_loss_ratio, technique=_LRR, choose=select.best_retraining), lambda ratio: ratio > 1, "x",
        "iterative", _LRR,
    ),
    "weight_rewind_without_search": _claim(
        "weight rewinding at 0.9 T nearly matches the algorithm, iterative", _ALGORITHM,
        "mean over densities of weight_rewind at its last t in the safe zone minus lr_rewind at t = T; -0.5 or above",
        gap_without_search, lambda gap: gap >= -0.5, "points", "iterative", _WR, _LRR,
    ),
    "algorithm_against_literature": _claim(
        "the algorithm matches network-specific methods of the literature", _ALGORITHM,
        "least lead over a literature point, on the line between levels; -0.5 or above",
        worst_against_literature, lambda lead: lead >= -0.5, "points", "iterative", _LRR,
    ),
    "iterative_beats_one_shot": _claim(
        "iterative pruning beats one-shot pruning", _EFFICIENCY,
        "lr_rewind at best retrain epochs, iterative minus one-shot, at the lowest density of both; above 0",
        lead_of_iterative, lambda lead: lead > 0, "points", "iterative", _LRR, beside="one_shot",
    ),
    "low_lr_is_no_better": _claim(
        "weight rewinding at the last rate is no better than fine-tuning", _ABLATION,
        f"mean over densities of low_lr_weight_rewind minus fine_tune at best retrain epochs; below {TIE}",
        partial(best_gain_mean, one=_LOW, other=_FT), lambda gain: gain < TIE, "points", "one_shot", _LOW, _FT,
    ),
    "low_lr_collapses": _claim(
        "weight rewinding at the last rate collapses as t grows", _ABLATION,
        "mean over densities of low_lr_weight_rewind at t = T minus at its last t in the safe zone; below -1",
        partial(change_past_zone, technique=_LOW), lambda fall: fall < -1, "points", "one_shot", _LOW,
    ),
    "reinit_is_worse": _claim(
        "reinitialisation does worse than fine-tuning", _ABLATION,
        "mean over densities of reinit minus fine_tune at best retrain epochs; below 0",
        partial(best_gain_mean, one=_NEW, other=_FT), lambda gain: gain < 0, "points", "one_shot", _NEW, _FT,
    ),
}  # fmt: skip
