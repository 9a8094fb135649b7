"""Draws each technique's learning rate into docs/images, from the library itself: python docs/learning_rates.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.look import INK, NAMES, SOFT, STYLE, look
from tf_lottery.networks.recipes import resolve
from tf_lottery.rewinding.retraining import Retraining
from tf_lottery.rewinding.schedules import Rates, original_rates
from tf_lottery.rewinding.techniques import TECHNIQUES

TRAINING = resolve("paper_cifar10", examples=50_000)
RETRAIN_EPOCHS = 130  # t, of T = 182
PRUNED_SHARE, REMOVED_NORM = 0.8, 0.59  # p and D: as of the smallest 80% of normally distributed weights
# The paper's, and those that begin again at a high rate.
_RESTARTS = [name for name in TECHNIQUES if name.endswith("_restart")]
_TICKETS = ["random_reinit", "weight_rewind_whole_schedule"]  # of the lottery ticket papers
DRAWINGS: Mapping[str, tuple[Sequence[str], Literal["log", "linear"]]] = {
    "learning_rates": ([name for name in TECHNIQUES if name not in {*_RESTARTS, *_TICKETS}], "log"),
    "restarts": (_RESTARTS, "linear"),
    "lottery_tickets": (_TICKETS, "log"),
}
_EPOCH = TRAINING.epochs / TRAINING.total_steps  # a step, in epochs
_WEIGHTS = {"trained": "trained weights", "rewound": "weights of epoch T - t", "fresh": "fresh weights"}
Epochs = npt.NDArray[np.float64]  # [steps]


def dense() -> tuple[Epochs, Rates]:
    """Return the epochs that each step of the dense training begins at, counted from 0, and its learning rate."""
    rates = original_rates(TRAINING)
    return _epochs(len(rates)), rates


def retraining(technique: str) -> tuple[Epochs, Rates]:
    """Return the same of what follows after pruning: epochs from T on."""
    retraining = Retraining.of(TRAINING, RETRAIN_EPOCHS, pruned_share=PRUNED_SHARE, removed_norm=REMOVED_NORM)
    rates = TECHNIQUES[technique].rates(retraining)
    return TRAINING.epochs + _epochs(len(rates)), rates


def figure(techniques: Sequence[str], *, rates: Literal["log", "linear"]) -> Figure:
    """Return a row for each technique: the dense training in grey, then the retraining in its colour."""
    drawing = Figure(figsize=(6.9, 0.5 + 0.9 * len(techniques)), layout="constrained")
    drawing.suptitle(
        "The learning rate of each technique, and the weights it starts from (dot)",
        x=0.01,
        ha="left",
        fontsize=9,
        fontweight="bold",
    )
    for axes, technique in zip(drawing.subplots(len(techniques), sharex=True, sharey=True), techniques, strict=True):
        _row(axes, technique)
        if rates == "log":
            axes.set(yscale="log", ylim=(4e-4, 0.6), yticks=[0.001, 0.01, 0.1], yticklabels=["0.001", "0.01", "0.1"])
        else:
            axes.set(ylim=(-0.004, 0.145), yticks=[0, 0.05, 0.1], yticklabels=["0", "0.05", "0.1"])
        axes.minorticks_off()
        axes.set_xlim(0, TRAINING.epochs + max(len(retraining(name)[0]) for name in techniques) * _EPOCH + 6)
    marks = {label: epoch for label, epoch in _marks().items() if epoch <= axes.get_xlim()[1]}
    axes.set_xticks([0, *marks.values()], ["0", *marks])
    axes.set_xlabel("epochs trained (the paper's recipe for CIFAR-10: T = 182; here t = 130)")
    drawing.supylabel("learning rate", fontsize=8)
    return drawing


def _row(axes: Axes, technique: str) -> None:
    colour, _ = look(technique)
    (before, high), (after, rates) = dense(), retraining(technique)
    axes.plot(before, high, color=SOFT, linewidth=1.2)
    axes.plot(after, rates, color=colour, linewidth=2.2)
    axes.axvline(TRAINING.epochs, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
    weights = TECHNIQUES[technique].weights
    if weights != "fresh":
        epoch = TRAINING.epochs if weights == "trained" else TRAINING.epochs - RETRAIN_EPOCHS
        rate = high[np.searchsorted(before, epoch) - 1]
        axes.plot([epoch], [rate], "o", color=colour, markersize=5, zorder=3, clip_on=False)
    label = f"{NAMES[technique]}: {_WEIGHTS[weights]}"
    top = axes.get_xaxis_transform()  # y from 0 at the bottom to 1 at the top
    axes.text(TRAINING.epochs + 4, 0.98, label, color=INK, va="top", fontweight="bold", fontsize=7.5, transform=top)
    axes.text(TRAINING.epochs - 4, 0.98, "prune", color=SOFT, va="top", ha="right", fontsize=7, transform=top)


def _marks() -> dict[str, int]:
    total = TRAINING.epochs
    return {
        "T - t": total - RETRAIN_EPOCHS,
        "T": total,
        "T + t": total + RETRAIN_EPOCHS,
        "2T + t": 2 * total + RETRAIN_EPOCHS,
    }


def _epochs(steps: int) -> Epochs:
    return np.arange(steps) * _EPOCH


if __name__ == "__main__":
    for name, (techniques, scale) in DRAWINGS.items():
        with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
            drawn = figure(techniques, rates=scale)
            kinds = {"svg": {"Date": None}}
            if name == "learning_rates":  # the README's, for pages that show no SVG
                kinds["png"] = {"Software": None}
            for kind, metadata in kinds.items():
                drawn.savefig(Path(__file__).parent / f"images/{name}.{kind}", dpi=160, metadata=metadata)
