"""The published rows, as the figures read them and as plain Python does, and small tables of one's own."""

import csv
import gzip
import io
from pathlib import Path

import pytest

import paper_figures
from paper_figures import tables
from paper_figures.blocks import blocks
from tf_lottery import results

SHIPPED = Path(paper_figures.__file__).parent / "reference/published.csv.gz"


@pytest.fixture(scope="session")
def published():
    return tables.published(None)[0]


@pytest.fixture(scope="session")
def found(published):
    return blocks(published)


@pytest.fixture(scope="session")
def plain():
    """Rows of the shipped CSV as dicts of texts, without pandas or anything of ours."""
    return list(csv.DictReader(io.StringIO(gzip.decompress(SHIPPED.read_bytes()).decode())))


@pytest.fixture(scope="session")
def row():
    """Make one row of a results table."""

    def make(technique="lr_rewind", density=0.5, trial=1, accuracy=0.9, epochs=10.0, **changes):
        pruned = technique != "dense"
        return {
            "status": "done", "network": "net", "dataset": "data", "technique": technique,
            "density": density if pruned else 1.0, "heuristic": "global_magnitude" if pruned else "",
            "schedule": "iterative" if pruned else "", "retrain_epochs": epochs if pruned else 0.0, "trial": trial,
            "test_accuracy": accuracy, "validation_accuracy": accuracy, "training": "0", "seed": 0,
            "epochs": epochs if pruned else 10.0, "recipe": "some_recipe",
        } | changes  # fmt: skip

    return make


@pytest.fixture
def small(row):
    """Three dense networks of mean 0.92, and techniques at two densities."""
    rows = [
        row(technique, density, trial, 0.9 + trial / 100 - (1 - density) / 10)
        for trial in (1, 2, 3)
        for technique, densities in (
            ("dense", [1.0]),
            ("lr_rewind", [0.8, 0.1]),
            ("fine_tune", [0.8, 0.1]),
            ("novel", [0.8]),
        )
        for density in densities
    ]
    return results.table(rows)
