"""The families of our own studies and what later papers claim: numbers by hand, or by loops over rows."""

import itertools
import re
import statistics

import matplotlib as mpl
import pandas as pd
import pytest

from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.claims_since import CLAIMS_SINCE
from paper_figures.claims_table import claims_table
from paper_figures.criteria import criterion_name
from paper_figures.families import FAMILIES, PUBLISHED
from paper_figures.look import STYLE, name
from paper_figures.scene import scenes
from paper_figures.schedules import RESTARTS
from paper_figures.shown_by import SHOWN_BY
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.networks.recipes import resolve
from tf_lottery.results import COLUMNS

DENSE, TOTAL = 0.9, 20.0
TECHNIQUES = ("fine_tune", "weight_rewind", "lr_rewind", *RESTARTS)
CRITERIA = ("layer_random", "lamp", "global_magnitude", "fisher")


@pytest.fixture
def cell(row):
    """Make a row of a one-shot results table whose accuracy is the dense networks' and so many points more."""

    def make(technique, density, t, change, trial=1, **more):
        given = {"schedule": "one_shot", "epochs": TOTAL, "retrain_epochs": t} | more
        return row(technique, density, trial, DENSE + change / 100, **given)

    return make


@pytest.fixture
def dense(row):
    return [row("dense", trial=trial, accuracy=DENSE, epochs=TOTAL) | {"epochs": TOTAL} for trial in (1, 2, 3)]


@pytest.fixture
def schedules(cell, dense):
    """Eight techniques, two densities, four t, three trials; every change is another number."""
    numbers = itertools.count()
    every = itertools.product(TECHNIQUES, (0.2, 0.05), (2.0, 5.0, 10.0, 20.0), (1, 2, 3))
    return dense + [cell(*key[:3], -5 + (37 * next(numbers) % 101) / 20, key[3]) for key in every]


@pytest.fixture
def criteria(cell, dense):
    """Four criteria by three techniques, at two densities and one t; each trial's start is the same for all of them."""
    numbers, rows = itertools.count(1), []
    for heuristic, density, trial in itertools.product(CRITERIA, (0.2, 0.05), (1, 2, 3)):
        start = 0.1 + (29 * next(numbers) % 71) / 100
        for technique in ("fine_tune", "lr_rewind", "linear_lr_restart"):
            change = -4 + (37 * next(numbers) % 101) / 40
            rows.append(
                cell(technique, density, 10.0, change, trial, heuristic=heuristic) | {"start_test_accuracy": start}
            )
    return dense + rows


@pytest.fixture
def trainings(cell, dense):
    """The digits' LeNet by a staircase and by a cosine: fine-tuned and rewound at two densities and two t."""
    numbers, rows = itertools.count(), []
    for lr_schedule, total in (("staircase", 20), ("cosine", 10)):
        more = {"fine_tune_rate": 0.001} if lr_schedule == "cosine" else {}
        examples = DATASETS["digits"].train_examples
        training = resolve("lenet_digits", examples=examples, epochs=total, lr_schedule=lr_schedule, **more)
        digest = training_digest(training)
        of = {"dataset": "digits", "network": "lenet_300_100", "training": digest, "recipe": "lenet_digits"}
        rows += [one | of | {"epochs": float(total)} for one in dense]
        for technique, density, share, trial in itertools.product(
            ("fine_tune", "lr_rewind"), (0.2, 0.05), (0.5, 1.0), (1, 2, 3)
        ):
            change = -4 + (37 * next(numbers) % 101) / 40
            change -= 3 * (lr_schedule == "staircase" and technique == "lr_rewind")  # below what has no drops
            rows.append(cell(technique, density, share * total, change, trial) | of | {"epochs": float(total)})
    return rows


def found_in(rows):
    return blocks(pd.DataFrame(rows).reindex(columns=[*COLUMNS, "start_test_accuracy"]).assign(source="own"))


def drawings_of(family, rows):
    return [drawing for drawing in catalogue(scenes(found_in(rows))) if drawing.family == family]


def median(rows, column="test_accuracy", **key):
    """Return the median over trials as a change [points], by a loop."""
    found = [row[column] for row in rows if all(row[name] == value for name, value in key.items())]
    assert len(found) in (3, 9)  # trials, or trials by the techniques that share a start
    return 100 * (statistics.median(found) - DENSE)


def test_families_that_the_published_results_lack_are_those_of_our_own_studies():
    assert FAMILIES.keys() - set(PUBLISHED) == {"schedules", "other_schedules", "criteria"}
    assert {family for families in SHOWN_BY.values() for family in families} >= FAMILIES.keys() - set(PUBLISHED)
    assert SHOWN_BY.keys() >= CLAIMS_SINCE.keys()


def test_schedules_are_the_medians_of_every_technique_density_and_t(schedules):
    (drawing,) = drawings_of("schedules", schedules)
    assert len(drawing.csv) == 8 * 2 * 4
    for point in drawing.csv.itertuples():
        key = {"technique": point.technique, "density": point.density, "retrain_epochs": point.retrain_epochs}
        assert point.value == pytest.approx(median(schedules, **key))
    only_the_papers = [row for row in schedules if row["technique"] not in RESTARTS]
    assert not drawings_of("schedules", only_the_papers)


def test_each_technique_is_drawn_once_strong_and_what_it_is_compared_with_light(schedules):
    (drawing,) = drawings_of("schedules", schedules)
    with mpl.rc_context(dict(STYLE)):
        figure = drawing.figure("print")
    assert len(figure.axes) == 4
    for density, panels in ((0.2, figure.axes[::2]), (0.05, figure.axes[1::2])):
        strong = {}
        for panel in panels:
            assert panel.get_xscale() == "log"
            assert [tick.get_text() for tick in panel.get_xticklabels()] == [
                "2",
                "5",
                "10",
                "20",
            ] or not panel.get_xlabel()
            for line in panel.lines:
                if len(line.get_xdata()) == 4 and line.get_alpha() == 1.0:
                    strong.setdefault(tuple(line.get_ydata()), []).append(panel)
        expected = {
            tuple(rows.value) for _, rows in drawing.numbers[drawing.numbers.density == density].groupby("technique")
        }
        assert strong.keys() == expected
        assert all(len(where) == 1 for where in strong.values())
        light = [line for line in panels[1].lines if line.get_alpha() == 0.5]
        assert len(light) == 2


def test_claims_of_later_papers_are_what_a_hand_computes(cell, dense):
    changes = {  # by technique and t, at each of two densities
        ("lr_rewind", 2.0): (-5, -7), ("lr_rewind", 5.0): (-4, -6),
        ("lr_rewind", 10.0): (-2, -3), ("lr_rewind", 20.0): (-1, -2),
        ("one_cycle_restart", 5.0): (-1.5, -3.5), ("one_cycle_restart", 10.0): (-1.5, -1),
        ("scaled_lr_restart", 10.0): (-2, -3.4),
        ("linear_lr_restart", 2.0): (-4, -5), ("linear_lr_restart", 20.0): (0, 0),
        ("adaptive_linear_lr_restart", 2.0): (-3, -5), ("adaptive_linear_lr_restart", 20.0): (-2, 0),
    }  # fmt: skip
    rows = [
        cell(technique, density, t, change, trial)
        for (technique, t), both in changes.items()
        for density, change in zip((0.2, 0.05), both, strict=True)
        for trial in (1, 2, 3)
    ]
    table = claims_table(found_in(dense + rows)).set_index("claim")
    told = table.value.dropna().round(6).to_dict()
    assert told["one_cycle_at_half_beats_lr_rewind"] == pytest.approx(statistics.mean([0.5, -0.5, -0.5, 1.0]))
    assert told["one_cycle_beats_lr_rewind"] == pytest.approx(statistics.mean([2.5, 2.5, 0.5, 2.0]))
    assert told["scaled_restart_matches_lr_rewind"] == pytest.approx(-0.2)
    assert told["linear_restart_shortens"] == pytest.approx(1.5)  # t = 2 alone is below a quarter of T
    assert told["adaptive_start_improves"] == pytest.approx(statistics.mean([1, 0, -2, 0]))
    assert table.verdict["one_cycle_at_half_beats_lr_rewind"] == "holds"
    assert table.verdict["scaled_restart_matches_lr_rewind"] == "fails"
    assert not set(table.index) & {"rewinding_without_drops", "criteria_differ_before"}


def test_criteria_are_the_medians_before_and_after_each_technique(criteria):
    (drawing,) = drawings_of("criteria", criteria)
    assert len(drawing.csv) == 4 * 2 * 4
    for point in drawing.csv.itertuples():
        key = {"heuristic": point.heuristic, "density": point.density}
        if point.technique == "not_retrained":
            assert point.value == pytest.approx(median(criteria, "start_test_accuracy", **key))
        else:
            assert point.value == pytest.approx(median(criteria, technique=point.technique, **key))
    assert list(dict.fromkeys(drawing.csv.heuristic)) == ["global_magnitude", "lamp", "fisher", "layer_random"]
    without = [{key: value for key, value in row.items() if key != "start_test_accuracy"} for row in criteria]
    assert not drawings_of("criteria", without)


def test_claims_about_criteria_are_what_loops_find(criteria):
    table = claims_table(found_in(criteria)).set_index("claim")
    methodical = [heuristic for heuristic in CRITERIA if heuristic != "layer_random"]

    def span(technique):
        ranges = []
        for density in (0.2, 0.05):
            column = {"column": "start_test_accuracy"} if technique is None else {"technique": technique}
            values = [median(criteria, heuristic=one, density=density, **column) for one in methodical]
            ranges.append(max(values) - min(values))
        return statistics.mean(ranges)

    assert table.value["criteria_differ_before"] == pytest.approx(span(None))
    assert table.value["criteria_alike_after_lr_rewind"] == pytest.approx(span("lr_rewind"))
    assert table.value["criteria_alike_after_linear_restart"] == pytest.approx(span("linear_lr_restart"))
    assert table.value["rewinding_closes_the_gap"] == pytest.approx(span("fine_tune") - span("lr_rewind"))
    leads = [
        median(criteria, heuristic="layer_random", density=density, technique="linear_lr_restart")
        - median(criteria, heuristic=one, density=density, technique="fine_tune")
        for one in methodical
        for density in (0.2, 0.05)
    ]
    assert table.value["random_beats_fine_tuned"] == pytest.approx(statistics.mean(leads))
    assert (table.loc["criteria_differ_before":].trials == 3).all()
    assert set(table.heuristic[list(CLAIMS_SINCE)[6:]]) == {"global_magnitude"}  # a row for all of them


def test_other_schedules_are_differences_at_equal_t_each_training_by_the_share_of_its_own_total(trainings):
    (drawing,) = drawings_of("other_schedules", trainings)
    assert len(drawing.csv) == 2 * 2 * 2
    for point in drawing.csv.itertuples():
        total = {"staircase": 20, "cosine": 10}[point.lr_schedule]
        assert point.share_of_total == pytest.approx(100 * point.retrain_epochs / total)
        key = {"density": point.density, "retrain_epochs": point.retrain_epochs, "training": point.training}
        one, other = (median(trainings, technique=technique, **key) for technique in ("lr_rewind", "fine_tune"))
        assert point.value == pytest.approx(one - other)
    table = claims_table(found_in(trainings)).set_index("claim")
    cosine = drawing.csv[drawing.csv.lr_schedule == "cosine"]
    assert table.value["rewinding_without_drops"] == pytest.approx(cosine.value.mean())
    staircase = [row for row in trainings if row["epochs"] == 20.0]
    assert not drawings_of("other_schedules", staircase)
    assert "rewinding_without_drops" not in set(claims_table(found_in(staircase)).claim)


def test_two_trainings_whose_rates_fall_alike_are_told_apart_by_their_length(trainings, dense, cell):
    more = [{**row, "training": "t0", "epochs": 40.0} for row in trainings if row["epochs"] == 20.0]
    (drawing,) = drawings_of("other_schedules", trainings + more)
    assert set(drawing.csv.lr_schedule) == {"staircase, T = 20", "staircase, T = 40", "cosine"}


@pytest.mark.parametrize("family", ["schedules", "other_schedules", "criteria"])
def test_alternative_texts_name_numbers_that_are_drawn_at_the_one_place_that_they_name(family, request):
    given = {"schedules": "schedules", "other_schedules": "trainings", "criteria": "criteria"}[family]
    (drawing,) = drawings_of(family, request.getfixturevalue(given))
    assert "20x" in drawing.alt
    here = drawing.csv[drawing.csv.density == 0.05]
    if family == "schedules":
        here = here[here.retrain_epochs == 10]
        labels = {name(technique): technique for technique in here.technique}
        told = re.findall(r"([a-z -]+?) ([+-]\d+\.\d\d) pp", drawing.alt.partition("t = 10: ")[2])
        assert {labels[who.strip("; ")]: text for who, text in told} == {
            row.technique: f"{row.value:+.2f}" for row in here.itertuples()
        }
    elif family == "other_schedules":
        here = here[here.share_of_total == 50]
        for row in here.itertuples():
            assert f"{row.lr_schedule} {row.value:+.2f} pp, t = {row.retrain_epochs:g}" in drawing.alt
        assert drawing.alt.count(" pp") == len(here) == 2
    else:
        for technique, rows in here.groupby("technique"):
            t = "" if technique == "not_retrained" else ", t = 10"
            each = "; ".join(f"{criterion_name(row.heuristic)} {row.value:+.2f} pp" for row in rows.itertuples())
            assert f"{name(technique)}{t}: {each}" in drawing.alt
        assert drawing.alt.count(" pp") == len(here)
