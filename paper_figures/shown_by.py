"""Which figures show what each claim is about, so that the page leads from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .catalogue import Drawing

# claim -> families of figures, the one that shows it best first
SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    "weight_rewind_beats_fine_tune": ("gain", "epochs"),
    "lr_rewind_beats_fine_tune": ("gain", "epochs"),
    "weight_rewind_wins_cells": ("gain",),
    "lr_rewind_wins_cells": ("gain",),
    "gain_grows": ("accuracy", "figure1"),
    "lr_rewind_matches_weight_rewind": ("accuracy", "structured"),
    "lr_rewind_matches_weight_rewind_iterative": ("accuracy", "figure2"),
    "lr_rewind_beats_fine_tune_iterative": ("accuracy", "figure2"),
    "safe_zone_ends_for_weight_rewind": ("epochs", "figure3", "figure4"),
    "no_end_for_lr_rewind": ("epochs", "figure3", "figure4"),
    "short_retraining_is_equal": ("epochs", "gain"),
    "algorithm_no_loss": ("algorithm", "figure5"),
    "no_loss_further": ("no_loss", "accuracy"),
    "best_no_loss_lr_rewind": ("no_loss", "accuracy"),
    "weight_rewind_without_search": ("fixed",),
    "algorithm_against_literature": ("algorithm", "figure5"),
    "iterative_beats_one_shot": ("search_cost",),
    "low_lr_is_no_better": ("controls",),
    "low_lr_collapses": ("epochs_controls",),
    "reinit_is_worse": ("controls",),
    "one_cycle_at_half_beats_lr_rewind": ("schedules", "epochs"),
    "one_cycle_beats_lr_rewind": ("schedules", "epochs"),
    "scaled_restart_matches_lr_rewind": ("schedules", "epochs"),
    "linear_restart_shortens": ("schedules", "epochs"),
    "adaptive_start_improves": ("schedules", "epochs"),
    "rewinding_without_drops": ("other_schedules",),
    "criteria_differ_before": ("criteria",),
    "criteria_alike_after_lr_rewind": ("criteria",),
    "criteria_alike_after_linear_restart": ("criteria",),
    "rewinding_closes_the_gap": ("criteria",),
    "random_beats_fine_tuned": ("criteria",),
}


def figures_of(row: pd.Series[Any], drawings: Sequence[Drawing]) -> list[Drawing]:
    """Return the figures that show a row of the claims table: of its families, with its networks in them."""
    wanted = (*(row[name] for name in ("source", "network", "dataset", "training")), str(float(row.seed)))
    pruning = (row.heuristic, row.schedule)
    found = [
        drawing
        for drawing in drawings
        if drawing.family in SHOWN_BY.get(row.claim, ())
        and any(
            block.study == wanted and (block.heuristic, block.schedule) == pruning
            for scene in drawing.scenes
            for block in scene.blocks
        )
    ]
    return sorted(found, key=lambda drawing: SHOWN_BY[row.claim].index(drawing.family))
