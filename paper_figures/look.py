"""What a technique looks like, in every figure of the project."""

from __future__ import annotations

from collections.abc import Mapping

# Hues and markers are the paper's (the authors' code, vision/plot/common.py), darkened to 3:1 contrast on white.
LOOK: Mapping[str, tuple[str, str]] = {  # technique: colour, marker
    "fine_tune": ("#00805C", "D"),
    "weight_rewind": ("#3A9AD9", "*"),
    "lr_rewind": ("#D97700", "o"),
    "low_lr_weight_rewind": ("#B5559B", "h"),
    "reinit": ("#1B3A6B", "X"),
}
NAMES: Mapping[str, str] = {
    "fine_tune": "fine-tuning",
    "weight_rewind": "weight rewinding",
    "lr_rewind": "learning rate rewinding",
    "low_lr_weight_rewind": "low-rate weight rewinding",
    "reinit": "reinitialisation",
}


def look(technique: str) -> tuple[str, str]:
    """Return colour and marker; a new technique need not have a look yet."""
    return LOOK.get(technique, ("#666666", "s"))


def name(technique: str) -> str:
    """Return the technique as people write it."""
    return NAMES.get(technique, technique)
