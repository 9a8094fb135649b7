"""Draws docs/images/learning_rates.svg and .png from the library's own schedules: python docs/learning_rates.py."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.look import INK, NAMES, SOFT, STYLE, look
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.schedules import Rates, Staircase
from tf_lottery.rewinding.techniques import TECHNIQUES

TRAINING = resolve("paper_cifar10", examples=50_000)
RETRAIN_EPOCHS = 130  # t, of T = 182
_WEIGHTS = {"trained": "trained weights", "rewound": "weights of epoch T - t", "fresh": "fresh weights"}
Epochs = npt.NDArray[np.float64]  # [steps]


def dense() -> tuple[Epochs, Rates]:
    """Return the epochs that each step of the dense training begins at, counted from 0, and its learning rate."""
    steps = np.arange(TRAINING.total_steps)
    return _epochs(steps), _schedule()(steps)


def retraining(technique: str) -> tuple[Epochs, Rates]:
    """Return the same of what follows after pruning: epochs from T on."""
    row = TECHNIQUES[technique]
    steps = row.steps(TRAINING.total_steps, TRAINING.steps_in(RETRAIN_EPOCHS))
    return TRAINING.epochs + _epochs(np.arange(len(steps))), _schedule()(steps) * np.float32(row.factor)


def figure() -> Figure:
    """Return a row for each technique: the dense training in grey, then the retraining in its colour."""
    drawing = Figure(figsize=(6.9, 5.9), layout="constrained")
    drawing.suptitle(
        "The learning rate of each technique, and the weights it starts from (dot)",
        x=0.01,
        ha="left",
        fontsize=9,
        fontweight="bold",
    )
    for axes, technique in zip(drawing.subplots(len(TECHNIQUES), sharex=True, sharey=True), TECHNIQUES, strict=True):
        _row(axes, technique)
    axes.set_xticks([0, *_marks().values()], ["0", *_marks()])
    axes.set_xlabel("epochs trained (the paper's recipe for CIFAR-10: T = 182; here t = 130)")
    drawing.supylabel("learning rate", fontsize=8)
    return drawing


def _row(axes: Axes, technique: str) -> None:
    colour, _ = look(technique)
    (before, high), (after, rates) = dense(), retraining(technique)
    axes.set_yscale("log")
    axes.set_xlim(0, max(_marks().values()) + 6)
    axes.set_ylim(4e-4, 0.6)
    axes.set_yticks([0.001, 0.01, 0.1], ["0.001", "0.01", "0.1"])
    axes.minorticks_off()
    axes.plot(before, high, color=SOFT, linewidth=1.2)
    axes.plot(after, rates, color=colour, linewidth=2.2)
    axes.axvline(TRAINING.epochs, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
    weights = TECHNIQUES[technique].weights
    if weights != "fresh":
        epoch = TRAINING.epochs if weights == "trained" else TRAINING.epochs - RETRAIN_EPOCHS
        rate = high[np.searchsorted(before, epoch) - 1]
        axes.plot([epoch], [rate], "o", color=colour, markersize=5, zorder=3, clip_on=False)
    label = f"{NAMES[technique]}: {_WEIGHTS[weights]}"
    axes.text(TRAINING.epochs + 4, 0.5, label, color=INK, va="top", fontweight="bold", fontsize=7.5)
    axes.text(TRAINING.epochs - 4, 0.5, "prune", color=SOFT, va="top", ha="right", fontsize=7)


def _marks() -> dict[str, int]:
    total = TRAINING.epochs
    return {
        "T - t": total - RETRAIN_EPOCHS,
        "T": total,
        "T + t": total + RETRAIN_EPOCHS,
        "2T + t": 2 * total + RETRAIN_EPOCHS,
    }


def _schedule() -> Staircase:
    return Staircase(peak=TRAINING.learning_rate, drops=TRAINING.drops)


def _epochs(steps: npt.NDArray[np.int64]) -> Epochs:
    return steps * (TRAINING.epochs / TRAINING.total_steps)


if __name__ == "__main__":
    with mpl.rc_context({**STYLE, "svg.hashsalt": "learning_rates"}):
        drawn = figure()
        for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            drawn.savefig(Path(__file__).parent / f"images/learning_rates.{kind}", dpi=160, metadata=metadata)
