"""Ratios of FLOPs, the right way up, from tables that one can check by hand."""

import pytest

from paper_figures.blocks import blocks
from paper_figures.flops import against_fine_tuning_numbers, flops_accuracy_numbers, speedup_numbers
from paper_figures.scene import scenes
from tf_lottery import results

# At each density, one trial of each technique: dense 1,000; what is left of it.
FLOPS = {("fine_tune", 0.8): 500, ("fine_tune", 0.1): 100, ("lr_rewind", 0.8): 400, ("lr_rewind", 0.1): 200}


@pytest.fixture
def scene(row):
    rows = [row("dense", trial=trial, dense_flops=1_000, flops=1_000) for trial in (1, 2)]
    rows += [
        row(technique, density, trial, dense_flops=1_000, flops=flops)
        for (technique, density), flops in FLOPS.items()
        for trial in (1, 2)
    ]
    (found,) = scenes(blocks(results.table(rows).assign(source="own")))
    return found


def values(numbers, column="value"):
    return {(row.technique, row.density): getattr(row, column) for row in numbers.itertuples()}


def test_a_speed_up_is_dense_flops_over_those_that_are_left(scene):
    assert values(speedup_numbers(scene)) == {cell: 1_000 / flops for cell, flops in FLOPS.items()}


def test_against_fine_tuning_above_1_is_faster_than_the_fine_tuned_network_of_the_same_density(scene):
    found = values(against_fine_tuning_numbers(scene))
    expected = {("lr_rewind", 0.8): 500 / 400, ("lr_rewind", 0.1): 100 / 200}
    assert {cell: value for cell, value in found.items() if cell[0] == "lr_rewind"} == expected
    assert all(value == 1 for cell, value in found.items() if cell[0] == "fine_tune")


def test_accuracy_is_drawn_against_that_speed_up(scene):
    assert values(flops_accuracy_numbers(scene), "speedup") == {cell: 1_000 / flops for cell, flops in FLOPS.items()}
