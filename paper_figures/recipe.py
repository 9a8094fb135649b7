"""Which of one's own trainings are the paper's: its recipe to the step, on the network and data of its table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.networks.recipes import PRECISIONS, resolve

# Of the networks that both the paper and this suite have (the paper, Table 1; the authors' code, gpu-src/official).
PAPER_RECIPES: Mapping[tuple[str, str], str] = {
    ("resnet20", "cifar10"): "paper_cifar10",
    ("resnet56", "cifar10"): "paper_cifar10",
    ("resnet110", "cifar10"): "paper_cifar10",
}


def paper_precisions(network: str, dataset: str) -> dict[str, str]:
    """Return the digests of the paper's recipe, and what layers computed in; {} if the suite has no such recipe.

    Another T, batch size or learning rate is another digest.
    """
    if (network, dataset) not in PAPER_RECIPES:
        return {}
    recipe, examples = PAPER_RECIPES[network, dataset], DATASETS[dataset].train_examples
    return {
        training_digest(resolve(recipe, examples=examples, precision=precision)): precision for precision in PRECISIONS
    }


def precision_of(training: pd.DataFrame) -> str:
    """Return what a training computed in if it was by the paper's recipe, "" if it was by another.

    Args:
        training: Rows of one network, dataset, training and seed.
    """
    first = training.iloc[0]
    known = paper_precisions(first.network, first.dataset)
    if first.training or not known:
        return known.get(first.training, "")
    # A table without digests: its dense networks name the recipe and T, and nothing that was changed.
    dense = training[training.technique == "dense"]
    total = resolve(PAPER_RECIPES[first.network, first.dataset], examples=DATASETS[first.dataset].train_examples).epochs
    named = {(recipe, float(epochs)) for recipe, epochs in zip(dense.recipe, dense.epochs, strict=True)}
    return "float32" if named == {(PAPER_RECIPES[first.network, first.dataset], float(total))} else ""


def other_recipe(training: pd.DataFrame) -> str:
    """Return in what a training differs from the paper's, as far as its rows tell."""
    first = training.iloc[0]
    recipe = PAPER_RECIPES.get((first.network, first.dataset))
    if recipe is None:
        return "this suite does not have the paper's recipe for it"
    total = resolve(recipe, examples=DATASETS[first.dataset].train_examples).epochs
    dense = training[training.technique == "dense"].epochs.dropna()
    if len(dense) and dense.max() != total:
        return f"T = {dense.max():g} and not {total}"
    if first.recipe and first.recipe != recipe:
        return f"recipe {first.recipe} and not {recipe}"
    return f"another recipe than {recipe} with T = {total}"
