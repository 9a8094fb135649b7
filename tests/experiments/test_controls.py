"""Which stages a chain's controls are, and what they start from."""

import pytest

from tf_lottery.experiments.controls import CONTROLS
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.layer_levels import Level
from tf_lottery.experiments.plan import plan, rewind_step
from tf_lottery.experiments.spec import RetrainSpec, TrainSpec
from tf_lottery.networks.recipes import resolve

DENSITIES = (0.8, 0.64, 0.5)


def grid(schedule="iterative", t=20, **changes):
    given = {
        "network": "lenet_300_100", "dataset": "digits", "heuristics": ("half_output_magnitude",), "seed": 0,
        "training": resolve("lenet_digits", examples=1297, epochs=20), "schedule": schedule, "trials": 2,
        "techniques": ("weight_rewind",), "densities": DENSITIES, "retrain_epochs": (t,), "controls": tuple(CONTROLS),
    }  # fmt: skip
    levels = tuple(Level(density=density) for density in DENSITIES) if schedule == "iterative" else ()
    return Grid(**given | {"layer_levels": levels} | changes)


def of(specs, trial=1, **fields):
    return [
        spec
        for spec in specs
        if isinstance(spec, RetrainSpec)
        and spec.trial == trial
        and all(getattr(spec, name) == value for name, value in fields.items())
    ]


def test_controls_stand_beside_each_level_and_the_chain_goes_on_without_them():
    specs = list(grid().specs())
    assert len(specs) == grid().size == 2 * (1 + 3 * 5)
    assert len({spec.name for spec in specs}) == len(specs)
    chain = of(specs, schedule="iterative")
    assert [level.density for level in chain] == list(DENSITIES)
    parents = [chain[0].dense, *chain[:-1]]
    assert [level.parent for level in chain] == parents
    for fields in ({"technique": "random_reinit"}, {"heuristic": "half_output_shuffled"}):
        controls = of(specs, schedule="control", **fields)
        assert [control.parent for control in controls] == parents  # whose masks are pruned to the level's
        assert [control.density for control in controls] == list(DENSITIES)
    for heuristic in ("half_output_random", "half_output_magnitude"):
        once = of(specs, schedule="one_shot", heuristic=heuristic)
        assert [control.parent for control in once] == [chain[0].dense] * 3
        assert [control.density for control in once] == list(DENSITIES)


def test_every_control_but_reinitialisation_starts_from_the_same_weights_and_trains_as_long():
    specs = list(grid(t=13.5).specs())
    (level, *_) = of(specs, schedule="iterative")
    for control in of(specs, density=0.8):
        if control.technique == "random_reinit":
            assert (rewind_step(control), control.epochs) == (None, 20)  # T, whatever t
        else:
            assert (rewind_step(control), control.epochs) == (rewind_step(level), 13.5)
    assert rewind_step(level) > 0


def test_other_orders_are_copies_of_each_level_and_of_the_dense_network_and_no_parents():
    made = grid(controls=(), data_order_seeds=(1, 2))
    specs = list(made.specs())
    assert len(specs) == made.size == 2 * (1 + 2 + 3 * 3)
    copies = [spec for spec in of(specs) if spec.data_order_seed]
    assert {spec.parent for spec in specs if isinstance(spec, RetrainSpec)}.isdisjoint(copies)
    for density in (1.0, *DENSITIES):
        one, two = (spec for spec in copies if spec.density == density)
        assert (one.data_order_seed, two.data_order_seed) == (1, 2)
        assert one.parent == two.parent
        assert rewind_step(one) == rewind_step(two) == 0
        assert one.digest != two.digest
    dense = next(spec for spec in specs if isinstance(spec, TrainSpec))
    assert [spec.parent for spec in copies if spec.density == 1.0] == [dense, dense]


def test_what_was_planned_before_there_were_other_orders_has_its_name():
    plain = next(spec for spec in grid(controls=()).specs() if isinstance(spec, RetrainSpec))
    assert "data_order_seed" not in plain.to_json()
    assert "evaluate_steps" not in plain.to_json()["dense"]["training"]
    assert plain.name.endswith("-density_0.8000-7dd2cce9")


def test_controls_of_networks_that_are_pruned_once_are_pruned_from_the_dense_one():
    specs = list(grid("one_shot").specs())
    assert {spec.parent for spec in of(specs)} == {specs[0]}
    # The one-shot control is the level itself.
    assert len(plan(specs)) == 2 * (1 + 3 * 4)


def test_a_heuristic_without_the_control_is_refused():
    with pytest.raises(ValueError, match="there is no random control of global_magnitude"):
        list(grid(heuristics=("global_magnitude",)).specs())
