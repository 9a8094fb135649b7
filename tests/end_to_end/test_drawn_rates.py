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
# Epochs after pruning, of t = 130, with the rate there: a tenth of them is the warm-up, and then 117 are left.
RESTARTS = {
    # The dense training's drops, at 91 and 136 of 182 epochs, in 117.
    "scaled_lr_restart": [(0, 0), (13, 0.1), (13 + 58, 0.1), (13 + 59, 0.01), (13 + 87, 0.01), (13 + 88, 0.001)],
    "cyclic_lr_restart": [(0, 0), (6.5, 0.05), (13, 0.1), (13 + 58.5, 0.0505), (130, 0.001)],
    "one_cycle_restart": [(0, 0.001), (13, 0.1), (13 + 58.5, 0.05), (130, 0)],
    "linear_lr_restart": [(0, 0), (6.5, 0.05), (13, 0.1), (13 + 39, 0.1 * 2 / 3), (130, 0)],
    # Of hi D / sqrt(p) = 0.066 and hi t / T = 0.0714 the greater.
    "adaptive_linear_lr_restart": [(0, 0), (6.5, 0.0357), (13, 0.0714), (13 + 39, 0.0476), (130, 0)],
}
EPOCHS = dict.fromkeys(RATES, 130) | {"reinit": 182 + 130}


@pytest.fixture(scope="module")
def drawing():
    spec = importlib.util.spec_from_file_location("learning_rates", DOCS / "learning_rates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_technique_is_drawn():
    assert [*RATES, *RESTARTS] == list(TECHNIQUES)


@pytest.mark.parametrize("technique", RESTARTS)
def test_a_restarts_line_passes_through_what_its_formula_says(drawing, technique):
    epochs, rates = drawing.retraining(technique)
    assert np.interp([182 + epoch for epoch, _ in RESTARTS[technique]], epochs, rates) == pytest.approx(
        [rate for _, rate in RESTARTS[technique]], abs=1e-4
    )
    assert len(epochs) * 182 / 71_108 == pytest.approx(130, abs=0.05)


@pytest.mark.parametrize("technique", RATES)
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
    drawn, dots = [], []
    for techniques, scale in drawing.DRAWINGS.values():
        rows = drawing.figure(techniques, rates=scale).axes
        assert len(rows) == len(techniques)
        drawn += techniques
        dots += [[float(line.get_xdata()[0]) for line in row.lines if line.get_marker() == "o"] for row in rows]
    assert drawn == list(TECHNIQUES)
    assert dots == [[182], [52], [182], [52], [], *[[182]] * 6]


def test_the_page_of_techniques_has_a_row_for_each(drawing):
    rows = re.findall(r"^\| `(\w+)`.*?\| (.*?) \|.*\| (.*?) \|$", (DOCS / "techniques.md").read_text(), re.MULTILINE)
    begins = {"trained": "the trained ones", "rewound": "those of epoch T - t", "fresh": "a fresh initialisation"}
    assert [name for name, _, _ in rows] == list(TECHNIQUES)
    for name, weights, length in rows:
        assert weights.startswith(begins[TECHNIQUES[name].weights])
        assert length == ("T + t epochs" if TECHNIQUES[name].weights == "fresh" else "t epochs")
