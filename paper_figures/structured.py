"""Structured variants side by side, with one y range: the structured panels of the paper's Figure 1."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from .accuracy import accuracy_numbers
from .canvas import Size
from .composites import by_compression
from .scene import Scene


def structured_numbers(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Return the change at the best retrain epochs, for every structured variant of one study."""
    return pd.concat([accuracy_numbers(scene, scene.every()) for scene in scenes], ignore_index=True)


def structured_figure(numbers: pd.DataFrame, scenes: Sequence[Scene], subtitle: str, size: Size) -> Figure:
    """Draw a panel for each variant."""
    title = f"{scenes[0].subject}: structured pruning"
    return by_compression(numbers, scenes, title=title, subtitle=subtitle, size=size, columns=len(scenes))
