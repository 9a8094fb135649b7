"""The families of figures: what each shows, where it stands in the paper, which data it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of figure, drawn for each network that has the data."""

    paper: str  # where the paper has it; figure numbers are the first one's, for the main networks
    caption: str  # one line, what is drawn
    needs: str  # which rows of a results table


# The paper's plots are those of the authors' code, vision/plot/gen.py. Of what is not there it has no figure.
FAMILIES: Mapping[str, Family] = {
    "figure1": Family(
        paper="Figure 1",
        caption="one-shot pruning, a panel for each network: accuracy against compression, best retrain time",
        needs="dense networks; one-shot pruned ones",
    ),
    "figure2": Family(
        paper="Figure 2",
        caption="iterative pruning, a panel for each network: accuracy against compression, best retrain time",
        needs="dense networks; iteratively pruned ones",
    ),
    "figure3": Family(
        paper="Figure 3",
        caption="one-shot pruning, a row for each network: accuracy against retrain epochs, and the safe zone",
        needs="one-shot networks with two retrain epochs or more",
    ),
    "figure4": Family(
        paper="Figure 4",
        caption="structured pruning, a row for each network: accuracy against retrain epochs, and the safe zone",
        needs="heuristics structured_a or structured_b, with two retrain epochs or more",
    ),
    "figure5": Family(
        paper="Figure 5",
        caption="iterative learning rate rewinding with t = T, a panel for each network: accuracy against compression",
        needs="iterative lr_rewind with retrain epochs T",
    ),
    "accuracy": Family(
        paper="Figures 1 and 2",
        caption="accuracy against compression, each technique at its best retrain time",
        needs="dense networks; pruned ones at two densities or more",
    ),
    "controls": Family(
        paper="appendix",
        caption="accuracy against compression, with reinitialisation and low-rate weight rewinding as controls",
        needs="as accuracy, with reinit or low_lr_weight_rewind",
    ),
    "algorithm": Family(
        paper="Figure 5",
        caption="the paper's algorithm: iterative learning rate rewinding with t = T, against the literature",
        needs="iterative lr_rewind with retrain epochs T",
    ),
    "fixed": Family(
        paper="no figure; a rule of the authors' script",
        caption="accuracy against compression without a search over t: t = T, at most 0.9 T where weights are rewound",
        needs="as accuracy, with several retrain epochs",
    ),
    "epochs": Family(
        paper="Figures 3 and 4",
        caption="accuracy against retrain epochs at each density, and the safe zone",
        needs="two retrain epochs or more",
    ),
    "epochs_controls": Family(
        paper="appendix",
        caption="accuracy against retrain epochs at each density, with the controls",
        needs="as epochs, with reinit or low_lr_weight_rewind",
    ),
    "gain": Family(
        paper="no figure; data of Figures 3 and 4",
        caption="which technique is better at equal retrain epochs",
        needs="two of fine_tune, weight_rewind, lr_rewind; two retrain epochs and two densities or more",
    ),
    "flops": Family(
        paper="appendix",
        caption="speed-up over the dense network against compression",
        needs="FLOPs of dense and pruned networks",
    ),
    "flops_ratio": Family(
        paper="appendix",
        caption="FLOPs against fine-tuning at equal compression",
        needs="as flops, with fine_tune and another technique",
    ),
    "flops_accuracy": Family(
        paper="no figure; data of the appendix",
        caption="accuracy against speed-up over the dense network",
        needs="as flops",
    ),
    "search_cost": Family(
        paper="no figure; data of Figures 2 and 3",
        caption="accuracy against search cost: one-shot and iterative pruning for equal retraining",
        needs="one-shot and iterative networks of the same densities, or two retrain epochs of one of them",
    ),
    "structured": Family(
        paper="Figure 1, structured panels",
        caption="accuracy against compression for the structured variants, each technique at its best retrain time",
        needs="heuristics structured_a and structured_b",
    ),
    "no_loss": Family(
        paper="no figure; data of Figures 1 and 2",
        caption="the greatest compression without loss of accuracy, by technique",
        needs="as accuracy",
    ),
}
