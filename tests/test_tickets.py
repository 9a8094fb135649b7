"""What is a winning ticket, by cases worked out by hand."""

import pandas as pd
import pytest

import tf_lottery as tl
from tf_lottery import ticket_claims, ticket_table
from tf_lottery.tickets import Outcome, is_winning_ticket

DENSE = Outcome(early_stop_step=500, early_stop_accuracy=0.97, accuracy=0.96)


@pytest.mark.parametrize(
    ("step", "stopped", "accuracy", "expected"),
    [
        (500, 0.97, 0.96, True),  # equal in all three: "at most", "at least"
        (400, 0.98, 0.97, True),
        (501, 0.98, 0.97, False),  # later
        (400, 0.9699, 0.97, False),  # worse where it would stop
        (400, 0.98, 0.9599, False),  # worse at the end
    ],
)
def test_a_ticket_is_no_worse_at_either_time_and_no_later(step, stopped, accuracy, expected):
    pruned = Outcome(early_stop_step=step, early_stop_accuracy=stopped, accuracy=accuracy)
    assert is_winning_ticket(pruned, DENSE) is expected
    assert tl.is_winning_ticket([pruned], [DENSE]) is expected


def test_of_several_trials_the_means_are_compared():
    late, early = (Outcome(early_stop_step=step, early_stop_accuracy=0.97, accuracy=0.96) for step in (700, 300))
    assert is_winning_ticket([late, early], DENSE)
    assert not is_winning_ticket([late, early, late], DENSE)
    # In floating point the sum depends on the order: that of the trials must not.
    trials = [Outcome(early_stop_step=1, early_stop_accuracy=a, accuracy=a) for a in (0.1, 0.2, 0.3)]
    assert is_winning_ticket(trials, trials[::-1])
    assert is_winning_ticket(trials[::-1], trials)


def test_what_is_no_outcome_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"accuracy is 97; expected a share of right answers, from 0 to 1"):
        Outcome(early_stop_step=1, early_stop_accuracy=0.5, accuracy=97)
    with pytest.raises(ValueError, match="early_stop_step is -1; expected a step, 0 or more"):
        Outcome(early_stop_step=-1, early_stop_accuracy=0.5, accuracy=0.5)
    with pytest.raises(ValueError, match="dense has no trial; expected one or more"):
        is_winning_ticket(DENSE, [])
    with pytest.raises(TypeError, match=r"pruned is 0\.9 \(float\); expected tf_lottery\.Outcome"):
        is_winning_ticket([0.9], DENSE)


def rows(technique, heuristic, schedule, density, measured):
    for trial, (step, stopped, accuracy) in enumerate(measured, 1):
        yield {
            "network": "lenet", "dataset": "mnist", "training": "t1", "seed": 0, "trial": trial, "technique": technique,
            "heuristic": heuristic, "schedule": schedule, "density": density, "retrain_epochs": 9.0,
            "early_stop_step": step, "early_stop_test_accuracy": stopped, "test_accuracy": accuracy,
        }  # fmt: skip


@pytest.fixture
def results():
    """Two trials of a dense network, a chain of three levels, and controls."""
    chain = ("weight_rewind", "half_output_magnitude", "iterative")
    return pd.DataFrame(
        [
            *rows("dense", "", "", 1.0, [(500, 0.97, 0.96), (300, 0.95, 0.94)]),
            *rows(*chain, 0.8, [(500, 0.97, 0.97), (200, 0.96, 0.96)]),  # in both trials
            *rows(*chain, 0.5, [(600, 0.97, 0.97), (100, 0.96, 0.96)]),  # by means; in the second trial alone
            *rows(*chain, 0.1, [(500, 0.90, 0.97), (200, 0.96, 0.96)]),
            *rows("random_reinit", "half_output_magnitude", "control", 0.8, [(900, 0.9, 0.9), (900, 0.9, 0.9)]),
            *rows("weight_rewind", "half_output_random", "one_shot", 0.8, [(900, 0.9, 0.9)]),
            *rows("weight_rewind", "half_output_shuffled", "control", 0.8, [(100, 0.98, 0.98), (100, 0.98, 0.98)]),
            *rows("weight_rewind", "half_output_magnitude", "one_shot", 0.8, [(400, 0.96, 0.95), (400, 0.96, 0.95)]),
        ]
    )


def test_a_table_of_results_becomes_a_table_of_verdicts(results):
    found = ticket_table.verdicts(results)
    told = {(row.what, row.density): (row.winning, row.trials_winning, row.trials) for row in found.itertuples()}
    assert told == {
        ("ticket", 0.8): (True, 2, 2),
        ("ticket", 0.5): (True, 1, 2),
        ("ticket", 0.1): (False, 1, 2),
        ("random_reinit", 0.8): (False, 0, 2),
        ("random_mask", 0.8): (False, 0, 1),
        ("shuffled_mask", 0.8): (True, 2, 2),
        # Means 400, 0.96 and 0.95 of the dense networks, to the last bit.
        ("one_shot", 0.8): (True, 0, 2),
    }
    smallest = found[found.smallest].set_index("what").density.to_dict()
    assert smallest == {"ticket": 0.5, "shuffled_mask": 0.8, "one_shot": 0.8}
    level = found[(found.what == "ticket") & (found.density == 0.5)].iloc[0]
    assert (level.early_stop_step, level.early_stop_step_low, level.early_stop_step_high) == (350, 100, 600)


def test_verdicts_are_printed_with_range_and_trials_and_the_smallest_ticket_of_each_kind(results):
    lines = ticket_table.as_text(ticket_table.verdicts(results)).splitlines()
    (level,) = [line.split() for line in lines if line.split()[:2] == ["ticket", "50.0"]]
    assert " ".join(level[2:]) == "350 (100 to 600) 96.50 (96.00 to 97.00) 96.50 (96.00 to 97.00) yes 1 of 2"
    assert "smallest winning ticket, ticket: 50.0% of the weights" in lines
    assert "smallest winning ticket, random_reinit: none" in lines


def test_results_that_were_not_evaluated_by_step_have_no_verdict(results):
    assert ticket_table.verdicts(results.drop(columns="early_stop_step")).empty
    assert ticket_table.verdicts(results.assign(early_stop_step=float("nan"))).empty
    assert ticket_table.verdicts(results[results.technique != "dense"]).empty


@pytest.fixture
def levels():
    """Verdicts of one chain at the paper's densities, and its controls; made to fulfil every claim."""
    chain, control = ("weight_rewind", "half_output_magnitude", "iterative"), "half_output_magnitude"
    found = list(rows("dense", "", "", 1.0, [(500, 0.970, 0.960)]))
    for density, step, stopped in ((0.513, 400, 0.975), (0.211, 300, 0.980), (0.036, 480, 0.971), (0.01, 900, 0.9)):
        found += rows(*chain, density, [(step, stopped, stopped)])
        found += rows("random_reinit", control, "control", density, [(step + 200, stopped - 0.01, stopped - 0.02)])
        found += rows("weight_rewind", "half_output_random", "one_shot", density, [(step, stopped - 0.02, 0.9)])
        found += rows("weight_rewind", "half_output_shuffled", "control", density, [(step, stopped - 0.03, 0.9)])
        once = stopped if density > 0.1 else 0.9
        found += rows("weight_rewind", control, "one_shot", density, [(step, once, once)])
    return pd.DataFrame(found)


def claimed(levels):
    table = ticket_claims.claims(ticket_table.verdicts(levels))
    return table.set_index("claim")


def test_every_claim_has_its_value_and_rule(levels):
    found = claimed(levels)
    assert set(found.verdict) == {"holds"}
    assert found.value.to_dict() == pytest.approx(
        {
            "tickets_exist": 3.6, "faster_at_half": -100, "better_at_half": 0.5, "faster_at_a_fifth": -200,
            "better_at_a_fifth": 1.0, "equal_at_a_thirtieth": 0.1, "reinitialised_slower": 200,
            "reinitialised_worse": -1.0, "reinitialised_no_tickets": 0, "random_masks_worse": -2.0,
            "shuffled_masks_worse": -3.0, "iterative_smaller": 17.5,
        }
    )  # fmt: skip
    text = ticket_claims.as_text(found.reset_index())
    assert "holds           tickets of half the weights learn faster than the dense network" in text


@pytest.mark.parametrize(
    ("claim", "where", "changes"),
    [
        ("tickets_exist", {"schedule": "iterative"}, {"test_accuracy": 0.9}),
        ("faster_at_half", {"schedule": "iterative", "density": 0.513}, {"early_stop_step": 500}),
        ("better_at_half", {"schedule": "iterative", "density": 0.513}, {"early_stop_test_accuracy": 0.97}),
        ("faster_at_a_fifth", {"schedule": "iterative", "density": 0.211}, {"early_stop_step": 501}),
        ("better_at_a_fifth", {"schedule": "iterative", "density": 0.211}, {"early_stop_test_accuracy": 0.969}),
        ("equal_at_a_thirtieth", {"schedule": "iterative", "density": 0.036}, {"early_stop_test_accuracy": 0.967}),
        ("reinitialised_slower", {"technique": "random_reinit", "density": 0.513}, {"early_stop_step": 400}),
        ("reinitialised_worse", {"technique": "random_reinit", "density": 0.211}, {"early_stop_test_accuracy": 0.99}),
        (
            "reinitialised_no_tickets", {"technique": "random_reinit", "density": 0.036},
            {"early_stop_test_accuracy": 0.99, "test_accuracy": 0.99, "early_stop_step": 1},
        ),
        ("random_masks_worse", {"heuristic": "half_output_random"}, {"early_stop_test_accuracy": 0.98}),
        ("shuffled_masks_worse", {"heuristic": "half_output_shuffled"}, {"early_stop_test_accuracy": 0.98}),
        (
            "iterative_smaller", {"schedule": "one_shot", "heuristic": "half_output_magnitude", "density": 0.036},
            {"early_stop_test_accuracy": 0.98, "test_accuracy": 0.98},
        ),
    ],
)  # fmt: skip
def test_data_break_every_claim(levels, claim, where, changes):
    chosen = pd.Series(True, index=levels.index)
    for column, value in where.items():
        chosen &= levels[column] == value
    assert chosen.any()
    for column, value in changes.items():
        levels.loc[chosen, column] = value
    assert claimed(levels).verdict[claim] == "fails"


def test_a_claim_about_what_was_not_trained_has_not_enough_data(levels):
    chain = claimed(levels[levels.schedule.isin(["", "iterative"]) & (levels.density > 0.1)])
    lacking = {name for name, verdict in chain.verdict.items() if verdict == "not enough data"}
    half = claimed(levels[(levels.schedule == "") | (levels.density > 0.3)])
    assert half.verdict["tickets_exist"] == "not enough data"
    assert lacking == {
        "equal_at_a_thirtieth", "reinitialised_slower", "reinitialised_worse", "reinitialised_no_tickets",
        "random_masks_worse", "shuffled_masks_worse", "iterative_smaller",
    }  # fmt: skip


def test_chains_of_other_techniques_or_heuristics_are_claimed_about_and_told_apart(levels):
    other = levels[levels.schedule == "iterative"].assign(heuristic="layer_magnitude", early_stop_step=700)
    both = pd.concat([levels, other], ignore_index=True)
    verdicts = ticket_table.verdicts(both)
    table = ticket_claims.claims(verdicts).set_index(["heuristic", "claim"])
    assert set(table.loc["half_output_magnitude"].verdict) == {"holds"}
    assert table.loc[("layer_magnitude", "faster_at_half"), "value"] == 200
    assert table.loc[("layer_magnitude", "reinitialised_slower"), "verdict"] == "not enough data"
    assert "weight_rewind with layer_magnitude, T - 9" in ticket_claims.as_text(table.reset_index())
    assert "weight_rewind, layer_magnitude" in ticket_table.as_text(verdicts)
    assert "weight_rewind, half" not in ticket_table.as_text(ticket_table.verdicts(levels))
