"""What later papers claim of retraining, and what our own studies ask, as rules that were written before these ended.

Each is checked where its techniques are there, and is no row of the table elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from . import select
from .blocks import SAFE_ZONE, Block
from .claims import TIE, Claim, mean_gain_below
from .criteria import started
from .other_schedules import falls

_FT, _LRR, _SLR, _CLR = "fine_tune", "lr_rewind", "scaled_lr_restart", "one_cycle_restart"
_LLR, _ALLR = "linear_lr_restart", "adaptive_linear_lr_restart"
_ALIKE = 0.5  # points: about what 2,000 images, a validation part, tell apart; of dense LeNets the range is 0.3
_APART = 5.0


def gain_at_share(block: Block, one: str, other: str, share: float) -> float | None:
    """Return the mean over densities and t from 25% of T of one median at a share of t minus the other at t."""
    medians = select.over_trials(block.change)[0]
    first, second = medians[block.techniques.index(one)], medians[block.techniques.index(other)]
    gains = [
        first[:, short] - second[:, place]
        for place, t in enumerate(block.epochs)
        if t >= SAFE_ZONE[0] * block.total_epochs - 1e-9
        for short, less in enumerate(block.epochs)
        if np.isclose(less, share * t)
    ]
    return float(np.nanmean(gains)) if np.isfinite(gains).any() else None


def gain_everywhere(block: Block, one: str, other: str) -> float | None:
    """Return the mean over densities and every t of one median minus the other."""
    medians = select.over_trials(block.change)[0]
    gains = medians[block.techniques.index(one)] - medians[block.techniques.index(other)]
    return float(np.nanmean(gains)) if np.isfinite(gains).any() else None


def least_gain_without_drops(*blocks: Block) -> float | None:
    """Return `gain_at_share` of lr_rewind over fine_tune at equal t, of trainings without drops the least."""
    gains = [gain_at_share(block, _LRR, _FT, 1.0) for block in blocks if falls(block) != "staircase"]
    known = [gain for gain in gains if gain is not None]
    return min(known) if known else None


def range_over_criteria(*blocks: Block, technique: str = "") -> float | None:
    """Return the mean over densities of the highest minus the lowest criterion's median; those at random are left out.

    Args:
        blocks: One a criterion.
        technique: Which retraining, at one t for all techniques; before it if there is none.
    """
    lines = [_line(block, technique) for block in blocks if "random" not in block.heuristic]
    densities = [density for density in lines[0] if all(density in line for line in lines)]
    ranges = [np.ptp([line[density] for line in lines]) for density in densities]
    return float(np.mean(ranges)) if len(lines) > 1 and ranges else None


def range_closed(*blocks: Block) -> float | None:
    """Return the range over criteria after fine-tuning minus that after learning rate rewinding."""
    tuned, rewound = (range_over_criteria(*blocks, technique=technique) for technique in (_FT, _LRR))
    return None if tuned is None or rewound is None else tuned - rewound


def random_against_fine_tuned(*blocks: Block) -> float | None:
    """Return linear_lr_restart of random pruning minus fine_tune of others, mean over these and densities."""
    at_random = [_line(block, _LLR) for block in blocks if "random" in block.heuristic]
    others = [_line(block, _FT) for block in blocks if "random" not in block.heuristic]
    leads = [line[d] - other[d] for line in at_random for other in others for d in line if d in other]
    return float(np.mean(leads)) if leads else None


def _line(block: Block, technique: str) -> dict[float, float]:
    """Return the median change by density, to four digits, of a technique, or before retraining if there is none."""
    values: npt.NDArray[np.float64]
    if technique:
        chosen = select.equal_retraining(block, block.techniques)
        values = select.over_trials(select.picked(block.change, chosen))[0][block.techniques.index(technique)]
    else:
        values = select.over_trials(started(block))[0]
    return {round(d, 4): float(v) for d, v in zip(block.densities, values, strict=True) if np.isfinite(v)}


_LE_HUA, _ZIMMER, _OURS = "Le & Hua 2021", "Zimmer et al. 2023", "asked by this project"
_CRITERIA = (_FT, _LRR, _LLR)

CLAIMS_SINCE: Mapping[str, Claim] = {
    "one_cycle_at_half_beats_lr_rewind": Claim(
        statement="a cyclic restart (one cycle) at half the epochs beats learning rate rewinding",
        where=_LE_HUA,
        rule="mean over densities and t from 25% of T of one_cycle_restart at t / 2 minus lr_rewind at t; above 0",
        unit="points", statistic=partial(gain_at_share, one=_CLR, other=_LRR, share=0.5), holds=lambda gain: gain > 0,
        schedule="one_shot", unstructured=False, techniques=(_CLR, _LRR),
    ),
    "one_cycle_beats_lr_rewind": Claim(
        statement="a cyclic restart (one cycle) beats learning rate rewinding at equal retraining",
        where=_LE_HUA,
        rule="mean over densities and t from 25% of T of one_cycle_restart minus lr_rewind; above 0",
        unit="points", statistic=partial(gain_at_share, one=_CLR, other=_LRR, share=1.0), holds=lambda gain: gain > 0,
        schedule="one_shot", unstructured=False, techniques=(_CLR, _LRR),
    ),
    "scaled_restart_matches_lr_rewind": Claim(
        statement="a high rate is what counts: the whole schedule within t matches learning rate rewinding",
        where=_LE_HUA,
        rule=f"mean over densities and t from 25% of T of scaled_lr_restart minus lr_rewind; -{TIE} or above",
        unit="points", statistic=partial(gain_at_share, one=_SLR, other=_LRR, share=1.0),
        holds=lambda gain: gain >= -TIE, schedule="one_shot", unstructured=False, techniques=(_SLR, _LRR),
    ),
    "linear_restart_shortens": Claim(
        statement="a linear restart makes short retraining better than learning rate rewinding does",
        where=_ZIMMER,
        rule="mean over densities and t below 25% of T of linear_lr_restart minus lr_rewind; above 0",
        unit="points", statistic=partial(mean_gain_below, one=_LLR, other=_LRR), holds=lambda gain: gain > 0,
        schedule="one_shot", unstructured=False, techniques=(_LLR, _LRR),
    ),
    "adaptive_start_improves": Claim(
        statement="a start of the rate by what was pruned improves on the linear restart",
        where=_ZIMMER,
        rule="mean over densities and every t of adaptive_linear_lr_restart minus linear_lr_restart; above 0",
        unit="points", statistic=partial(gain_everywhere, one=_ALLR, other=_LLR), holds=lambda gain: gain > 0,
        schedule="one_shot", unstructured=False, techniques=(_ALLR, _LLR),
    ),
    "rewinding_without_drops": Claim(
        statement="learning rate rewinding beats fine-tuning where the rate has no drops to go back before",
        where=_OURS,
        rule="mean over densities and t from 25% of T of lr_rewind minus fine_tune, in the training without drops "
        "where it is least; above 0",
        unit="points", statistic=least_gain_without_drops, holds=lambda gain: gain > 0,
        schedule="one_shot", techniques=(_LRR, _FT), beside="trainings",
    ),
    "criteria_differ_before": Claim(
        statement="criteria differ right after pruning",
        where=_OURS,
        rule="mean over densities of the highest minus the lowest criterion's median before retraining, random left "
        f"out; above {_APART:g}",
        unit="points", statistic=range_over_criteria, holds=lambda gap: gap > _APART,
        schedule="one_shot", techniques=_CRITERIA, beside="criteria",
    ),
    "criteria_alike_after_lr_rewind": Claim(
        statement="criteria hardly differ after learning rate rewinding",
        where=_OURS,
        rule="mean over densities of the highest minus the lowest criterion's median after lr_rewind, random left out; "
        f"below {_ALIKE}",
        unit="points", statistic=partial(range_over_criteria, technique=_LRR), holds=lambda gap: gap < _ALIKE,
        schedule="one_shot", techniques=_CRITERIA, beside="criteria",
    ),
    "criteria_alike_after_linear_restart": Claim(
        statement="criteria hardly differ after a linear restart",
        where=_OURS,
        rule="mean over densities of the highest minus the lowest criterion's median after linear_lr_restart, random "
        f"left out; below {_ALIKE}",
        unit="points", statistic=partial(range_over_criteria, technique=_LLR), holds=lambda gap: gap < _ALIKE,
        schedule="one_shot", techniques=_CRITERIA, beside="criteria",
    ),
    "rewinding_closes_the_gap": Claim(
        statement="learning rate rewinding brings criteria closer together than fine-tuning does",
        where=_OURS,
        rule="mean over densities of the range over criteria, random left out, after fine_tune minus after lr_rewind; "
        "above 0",
        unit="points", statistic=range_closed, holds=lambda gap: gap > 0,
        schedule="one_shot", techniques=_CRITERIA, beside="criteria",
    ),
    "random_beats_fine_tuned": Claim(
        statement="networks pruned at random and retrained at a high rate beat methodically pruned, fine-tuned ones",
        where=_LE_HUA,
        rule="mean over densities and the other criteria of linear_lr_restart of random pruning minus fine_tune of "
        "theirs; above 0",
        unit="points", statistic=random_against_fine_tuned, holds=lambda lead: lead > 0,
        schedule="one_shot", techniques=_CRITERIA, beside="criteria",
    ),
}  # fmt: skip
