"""The drawing of the learning rates shows what the paper says, computed once more by hand."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from tf_lottery.rewinding.techniques import TECHNIQUES

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Epochs after pruning at which the rate changes, with the new rate: T = 182, drops after 91 and 136 epochs, t = 130.
RATES = {
    "fine_tune": [(0, 0.001)],
    "weight_rewind": [(0, 0.1), (39, 0.01), (84, 0.001)],
    "lr_rewind": [(0, 0.1), (39, 0.01), (84, 0.001)],
    "low_lr_weight_rewind": [(0, 0.001)],
    "reinit": [(0, 0.1), (91, 0.01), (136, 0.001)],
    "tenth_rate_fine_tune": [(0, 0.01)],
}
EPOCHS = dict.fromkeys(RATES, 130) | {"reinit": 182 + 130}


@pytest.fixture(scope="module")
def drawing():
    spec = importlib.util.spec_from_file_location("learning_rates", DOCS / "learning_rates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_techniques_line_changes_where_the_paper_says(drawing, technique):
    epochs, rates = drawing.retraining(technique)
    changes = [0, *(1 + np.flatnonzero(np.diff(rates)))]
    assert [(round(float(epochs[place]) - 182), float(rates[place])) for place in changes] == [
        (epoch, pytest.approx(rate))
        for epoch, rate in RATES[technique]  # float32
    ]
    assert len(epochs) * 182 / 71_108 == pytest.approx(
        EPOCHS[technique], abs=0.05
    )  # 71,108 steps are 182 epochs and a part of one


def test_each_technique_is_a_row_of_the_drawing_with_a_dot_where_its_weights_come_from(drawing):
    rows = drawing.figure().axes
    assert len(rows) == len(TECHNIQUES)
    dots = [[float(line.get_xdata()[0]) for line in row.lines if line.get_marker() == "o"] for row in rows]
    assert dots == [[182], [52], [182], [52], [], [182]]


def test_the_page_of_techniques_has_a_row_for_each(drawing):
    rows = re.findall(r"^\| `(\w+)`.*?\| (.*?) \|.*\| (.*?) \|$", (DOCS / "techniques.md").read_text(), re.MULTILINE)
    begins = {"trained": "the trained ones", "rewound": "those of epoch T - t", "fresh": "a fresh initialisation"}
    assert [name for name, _, _ in rows] == list(TECHNIQUES)
    for name, weights, length in rows:
        assert weights.startswith(begins[TECHNIQUES[name].weights])
        assert length == ("T + t epochs" if len(TECHNIQUES[name].steps(182, 90)) > 182 else "t epochs")
