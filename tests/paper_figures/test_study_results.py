"""The committed results of our own studies: tables of the page by loops over the CSVs, and claims, computed again."""

import csv
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest

from paper_figures import tables
from paper_figures.blocks import blocks
from paper_figures.claims_table import claims_table

RESULTS = Path(__file__).parents[2] / "docs/results"
STUDIES = ("schedules", "other_schedules", "criteria")
ROWS = {  # how a row of a table begins: which networks it is of
    "one-cycle restart": {"technique": "one_cycle_restart"},
    "cyclic restart": {"technique": "cyclic_lr_restart"},
    "linear restart": {"technique": "linear_lr_restart"},
    "adaptive linear restart": {"technique": "adaptive_linear_lr_restart"},
    "scaled restart": {"technique": "scaled_lr_restart"},
    "learning rate rewinding": {"technique": "lr_rewind"},
    "weight rewinding": {"technique": "weight_rewind"},
    "fine-tuning": {"technique": "fine_tune"},
    "magnitude": {"heuristic": "global_magnitude"},
    "LAMP": {"heuristic": "lamp"},
    "magnitude over its layer's deviation": {"heuristic": "global_quality"},
    "diagonal Fisher": {"heuristic": "fisher"},
    "saliency": {"heuristic": "saliency"},
    "random, by layer": {"heuristic": "layer_random"},
    "staircase": {"recipe": "lenet_fashion_mnist"},
    "cosine": {"recipe": "lenet_fashion_mnist_cosine"},
    "linear": {"recipe": "lenet_fashion_mnist_linear"},
    "one-cycle": {"recipe": "lenet_fashion_mnist_one_cycle"},
}
COLUMNS = {"before": None, "fine-tuning": "fine_tune", "rewinding": "lr_rewind", "linear restart": "linear_lr_restart"}
DENSITIES = {"4.77x": "0.2097", "14.6x": "0.0687", "55x": "0.0181"}


@pytest.fixture(params=STUDIES)
def study(request):
    with (RESULTS / f"{request.param}_fashion_mnist_lenet/results.csv").open() as file:
        return request.param, list(csv.DictReader(file))


def table_of(study):
    """Return header and rows of the table of a study's section."""
    (section,) = (
        part
        for part in re.split(r"^## ", (RESULTS / "README.md").read_text(), flags=re.MULTILINE)
        if f"{study}_fashion_mnist_lenet.flags" in part or f"/{study}_fashion_mnist_lenet_" in part
    )
    lines = [re.split(r"(?<!\\)\|", line.strip("|\n")) for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    return cells[0][1:], [(row[0], row[1:]) for row in cells[2:]]


def medians(rows, wanted, column="test_accuracy"):
    found = [100 * float(row[column]) for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert found, wanted
    return statistics.median(found)


def change(rows, wanted, column="test_accuracy"):
    dense = {"technique": "dense"} | ({"recipe": wanted["recipe"]} if "recipe" in wanted else {})
    every = [100 * float(row["test_accuracy"]) for row in rows if all(row[k] == v for k, v in dense.items())]
    return medians(rows, wanted, column) - statistics.fmean(every)


def test_the_tables_of_the_page_are_what_the_networks_say(study):
    name, rows = study
    header, told = table_of(name)
    density, checked = "", 0
    for label, cells in told:
        wanted = ROWS[re.split(r" \(|, \\|, two", label)[0]]
        for head, cell in zip(header, cells, strict=True):
            ratio = re.match(r"([\d.]+x)[:,] (.+)", head)
            density = DENSITIES[ratio[1]] if ratio else density
            what = ratio[2] if ratio else head
            key = wanted | {"density": density}
            if name == "criteria":
                technique = COLUMNS[what]
                column = "test_accuracy" if technique else "start_test_accuracy"
                number = change(rows, key | {"technique": technique or "fine_tune"}, column)
            elif name == "schedules":
                number = change(rows, key | {"retrain_epochs": f"{float(what.removeprefix('t = '))}"})
            elif what == "dense [%]":
                number = statistics.fmean(
                    100 * float(row["test_accuracy"])
                    for row in rows
                    if row["technique"] == "dense" and row["recipe"] == wanted["recipe"]
                )
            else:
                key |= {"retrain_epochs": f"{float(what.removeprefix('t = '))}"}
                number = medians(rows, key | {"technique": "lr_rewind"}) - medians(
                    rows, key | {"technique": "fine_tune"}
                )
            digits = len(cell.partition(".")[2])
            assert float(cell) == pytest.approx(number, abs=0.51 * 10**-digits), (label, head)
            checked += 1
    assert checked >= 24


def test_the_claims_are_those_of_the_networks(study):
    name, _ = study
    folder = RESULTS / f"{name}_fashion_mnist_lenet"
    own, _ = tables.own([str(folder / "results.csv")])
    fresh, kept = claims_table(blocks(own)), pd.read_csv(folder / "claims.csv", keep_default_na=False)
    assert kept.claim.tolist() == fresh.claim.tolist()
    assert kept.verdict.tolist() == fresh.verdict.tolist()
    values = pd.to_numeric(kept.value)
    pd.testing.assert_series_equal(values, fresh.value.astype(float), rtol=1e-4, check_names=False)
