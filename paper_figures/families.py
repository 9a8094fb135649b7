"""The families of figures: what each shows, where it stands in the paper, which data it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .authors import dataset_of
from .blocks import Block


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of figure, drawn for each network that has the data."""

    paper: str  # where the paper has it, for one of its networks or another; `in_paper` says it of a drawing
    caption: str  # one line, what is drawn
    needs: str  # which rows of a results table
    published: bool = True  # whether the published results have these


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
        caption="accuracy against compression, by technique",
        needs="dense networks; pruned ones at two densities or more",
    ),
    "controls": Family(
        paper="appendix",
        caption="accuracy against compression, with reinitialisation and low-rate weight rewinding as controls",
        needs="as accuracy, with reinit or low_lr_weight_rewind",
    ),
    "algorithm": Family(
        paper="Figure 5",
        caption="the paper's algorithm: iterative learning rate rewinding with t = T",
        needs="iterative lr_rewind with retrain epochs T",
    ),
    "fixed": Family(
        paper="no figure; data of Figures 3 and 4",
        caption="accuracy against compression without a search over t: one t for all, the greatest up to 0.9 T",
        needs="as accuracy, with several retrain epochs, and one up to 0.9 T that two techniques or more have",
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
        caption="accuracy against search cost, which is all retraining epochs spent to reach a network",
        needs="one-shot and iterative networks of the same densities, or two retrain epochs of one of them",
    ),
    "structured": Family(
        paper="Figure 1, structured panels",
        caption="accuracy against compression for the structured variants",
        needs="heuristics structured_a and structured_b",
    ),
    "no_loss": Family(
        paper="no figure; data of Figures 1 and 2",
        caption="the greatest compression without loss of accuracy, by technique",
        needs="as accuracy",
    ),
    "schedules": Family(
        paper="no figure; a study of this project",
        caption="accuracy against retrain epochs at each density, the paper's techniques and the restarts since",
        needs="one of the restarts, such as one_cycle_restart; two retrain epochs or more",
        published=False,
    ),
    "other_schedules": Family(
        paper="no figure; a study of this project",
        caption="learning rate rewinding minus fine-tuning, where the rate of the dense training falls in several ways",
        needs="fine_tune and lr_rewind of two trainings whose rates fall otherwise, such as --recipe=..._cosine",
        published=False,
    ),
    "criteria": Family(
        paper="no figure; a study of this project",
        caption="accuracy by criterion, right after pruning and after each retraining",
        needs="two heuristics or more that prune weights to the same densities, with start_test_accuracy",
        published=False,
    ),
}

PUBLISHED: Sequence[str] = tuple(name for name, row in FAMILIES.items() if row.published)

# What a page should say beside any number of a figure.
NUMBERING = "Figure numbers are those of the paper for its main networks; they have not been checked against the print."

_MAIN = ("resnet56", "resnet50", "gnmt")  # the networks of the paper's body; those of the others are in its appendix
_OTHERS = ("resnet20", "resnet110")
_STRUCTURED = (("resnet56", "structured_b"), ("resnet34", "structured_a"))  # in the body
_VARIANTS = ("structured_a", "structured_b")
_FLOPS = ("flops", "flops_ratio")


def in_paper(family: str, blocks: Sequence[Block]) -> str:
    """Return where the paper has this figure of these blocks: a number only where it is that figure, or part of it.

    Which plots there are is from the authors' code, vision/plot/gen.py; which of them is which figure, see `NUMBERING`.

    Args:
        family: Of `FAMILIES`.
        blocks: The networks that the figure is about.
    """
    row = FAMILIES[family]
    if row.paper.startswith("no figure"):
        return row.paper
    if family.startswith("figure"):  # of which some panels are the paper's
        is_theirs = any(block.dataset == dataset_of(block.network) for block in blocks)
        return row.paper if is_theirs else f"no figure; of the paper's own networks: {row.paper}"
    places: dict[str, list[str]] = {}
    for block in blocks:
        places.setdefault(_in_paper(family, block), []).append(block.heuristic.replace("_", " "))
    if len(places) == 1:
        (only,) = places
        return only if only else f"no figure; of the paper's own networks: {row.paper}"
    return ", ".join(f"{place or 'no figure'} ({' and '.join(which)})" for place, which in sorted(places.items()))


def _in_paper(family: str, block: Block) -> str:
    """Return "Figure 1" or the like, "appendix", or "" where the paper has no such figure."""
    network, is_iterative = block.network, block.schedule == "iterative"
    if block.dataset != dataset_of(network):
        return ""
    if block.heuristic in _VARIANTS:
        is_plotted = network in ("resnet56", "resnet110", "resnet34") and not is_iterative
        is_main = (network, block.heuristic) in _STRUCTURED
        number = {"accuracy": "Figure 1", "structured": "Figure 1", "epochs": "Figure 4"}.get(family, "")
    else:
        is_plotted = block.heuristic == "global_magnitude" and network in (*_MAIN, *_OTHERS)
        is_main = network in _MAIN
        number = {
            "accuracy": "Figure 2" if is_iterative else "Figure 1",
            "epochs": "" if is_iterative else "Figure 3",
            "algorithm": "Figure 5",
        }.get(family, "")
    if family in _FLOPS:
        is_plotted = is_plotted and is_iterative and network != "gnmt"
    if not is_plotted:
        return ""
    return number if is_main and number else "appendix"
