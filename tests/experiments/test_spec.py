import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.experiments.grid import Grid, levels
from tf_lottery.experiments.plan import plan, rewind_step
from tf_lottery.experiments.results_row import identity
from tf_lottery.experiments.spec import RetrainSpec, TrainSpec
from tf_lottery.networks.recipes import Training, resolve
from tf_lottery.rewinding.techniques import TECHNIQUES

TRAINING = resolve("lenet_digits", examples=1297)
DENSE = TrainSpec(network="lenet_300_100", dataset="digits", training=TRAINING, seed=0, trial=1)


def retrain(parent=DENSE, **changes):
    row = {
        "parent": parent,
        "heuristic": "global_magnitude",
        "schedule": "one_shot",
        "technique": "lr_rewind",
        "density": 0.5,
        "retrain_epochs": 30,
    }
    return RetrainSpec(**(row | changes))


def test_names_are_readable_and_do_not_change_between_versions():
    # A changed name orphans everybody's results: if this must change, NUMERICAL_FORMAT and the CHANGELOG change too.
    assert DENSE.name == "digits/lenet_300_100/trial_1/dense-e7c3863e"
    assert retrain().name == (
        "digits/lenet_300_100/trial_1/lr_rewind-one_shot-global_magnitude-t30-density_0.5000-" + retrain().digest[:8]
    )


OTHER_VALUES = {
    "recipe": "other", "optimizer": "adam", "momentum": 0.8, "nesterov": True, "learning_rate": 0.2, "batch_size": 63,
    "epochs": 31, "total_steps": 1, "drops": (1,), "l2": 0.5, "examples": 1298,
    "precision": "mixed_bfloat16", "lr_schedule": "cosine", "warmup_steps": 1, "fine_tune_rate": 0.1,
    "l1": 0.5, "dropout": 0.5, "network": "resnet20", "dataset": "mnist",
    "seed": 1, "trial": 2, "numerical_format": 2, "training": replace(TRAINING, epochs=31), "heuristic": "random",
    "schedule": "iterative", "technique": "fine_tune", "density": 0.4, "retrain_epochs": 29.0,
    "parent": replace(DENSE, trial=2),
    "layer_densities": (("logits/kernel", 0.5),), "trained": "dense", "remove_dead_units": True,
}  # fmt: skip


@pytest.mark.parametrize("one", [TRAINING, DENSE, retrain()], ids=["training", "train", "retrain"])
def test_every_field_is_in_the_name(one):
    def name(value):
        return replace(DENSE, training=value).digest if isinstance(value, Training) else value.digest

    for field in fields(one):
        assert name(replace(one, **{field.name: OTHER_VALUES[field.name]})) != name(one), field.name


def test_the_parents_are_in_the_name():
    chain = retrain(parent=retrain(density=0.8), density=0.64)
    other = retrain(parent=retrain(density=0.7), density=0.64)
    assert chain.digest != other.digest
    assert (chain.search_cost, chain.trial, chain.dense) == (60, 1, DENSE)
    json.dumps(chain.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("technique", "one_level"),
    [("fine_tune", 10), ("weight_rewind", 10), ("lr_rewind", 10), ("low_lr_weight_rewind", 10), ("reinit", 40)],
)
def test_the_search_cost_is_every_epoch_of_retraining_and_a_fresh_network_s_whole_recipe_is_among_them(
    technique, one_level
):
    assert technique in TECHNIQUES
    first = retrain(technique=technique, retrain_epochs=10, density=0.8, schedule="iterative")
    second = retrain(parent=first, technique=technique, retrain_epochs=10, density=0.64, schedule="iterative")
    assert (DENSE.epochs, DENSE.search_cost) == (30, 0)
    assert (first.epochs, second.epochs) == (one_level, one_level)
    assert (first.search_cost, second.search_cost) == (one_level, 2 * one_level)
    rows = [identity(spec) for spec in (DENSE, first, second)]
    assert [row["search_cost"] for row in rows] == [0, one_level, 2 * one_level]
    assert [row["epochs"] for row in rows] == [30, one_level, one_level]


def test_densities_that_differ_in_the_last_bit_are_one():
    assert retrain(density=0.8**3).name == retrain(density=0.512).name
    assert retrain(density=0.8 * 0.8).name == retrain(density=0.64).name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": 0}, "--density=0: expected 1e-10 to 1"),
        ({"density": 1e-12}, "--density=1e-12: expected 1e-10 to 1; ten decimals of it count"),
        ({"density": 1.2}, "--density=1.2: expected"),
        ({"density": float("nan")}, "--density=nan: expected"),
        ({"retrain_epochs": 31}, "--retrain_epochs=31: expected 1e-06 to T = 30"),
        ({"retrain_epochs": 1e-8}, "--retrain_epochs=1e-08: expected 1e-06 to T = 30"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        retrain(**changes)


grids = st.builds(
    Grid,
    network=st.just("lenet_300_100"),
    dataset=st.just("digits"),
    training=st.just(TRAINING),
    heuristics=st.lists(st.sampled_from(["global_magnitude", "random"]), min_size=1, unique=True).map(tuple),
    schedule=st.sampled_from(["one_shot", "iterative"]),
    techniques=st.lists(st.sampled_from(sorted(TECHNIQUES)), min_size=1, unique=True).map(tuple),
    densities=st.lists(st.sampled_from([0.8, 0.5, 0.512, 0.2, 0.1074]), min_size=1, unique=True).map(tuple),
    retrain_epochs=st.lists(st.sampled_from([5, 30, 12.5]), unique=True).map(tuple),
    trials=st.integers(1, 3),
    seed=st.integers(0, 2),
)


@given(grids, st.randoms())
def test_the_order_of_flags_changes_no_name(grid, random):
    def shuffled(values):
        return tuple(random.sample(values, len(values)))

    other = replace(
        grid,
        heuristics=shuffled(grid.heuristics),
        techniques=shuffled(grid.techniques),
        densities=shuffled(grid.densities),
        retrain_epochs=shuffled(grid.retrain_epochs),
    )
    assert {spec.name for spec in grid.specs()} == {spec.name for spec in other.specs()}


@given(grids)
def test_a_plan_has_every_stage_once_parents_first_and_the_rewind_points_that_children_take(grid):
    specs = list(grid.specs())
    stages = plan(specs)
    names = [stage.name for stage in stages]
    assert len(names) == len(set(names)) == len({spec.name for spec in specs})
    assert names.count("") == 0
    assert sum(isinstance(stage.spec, TrainSpec) for stage in stages) == grid.trials
    for place, stage in enumerate(stages):
        assert set(stage.parents) <= set(names[:place])
    points = {stage.name: set(stage.rewind_points) for stage in stages}
    for spec in specs:
        if isinstance(spec, RetrainSpec) and (step := rewind_step(spec)) is not None:
            assert step in points[spec.dense.name]
            assert step == TRAINING.total_steps - TRAINING.steps_in(spec.retrain_epochs)


def test_a_last_level_alone_plans_its_whole_chain():
    grid = Grid(
        network="lenet_300_100", dataset="digits", training=TRAINING, heuristics=("global_magnitude",),
        schedule="iterative",
        techniques=("lr_rewind",), densities=(0.2,), retrain_epochs=(), trials=1, seed=0,
    )  # fmt: skip
    last = list(grid.specs())[-1]
    assert [stage.name for stage in plan([last])] == [stage.name for stage in plan(grid.specs())]


def test_iterative_levels_go_down_by_a_fifth_and_stop_at_every_density_asked():
    assert levels("iterative", (0.1074,)) == pytest.approx([0.8**k for k in range(1, 11)])
    assert levels("iterative", (0.7, 0.5)) == pytest.approx([0.8, 0.7, 0.56, 0.5])
    assert levels("iterative", (0.9,)) == (0.9,)
    assert levels("one_shot", (0.1, 0.5, 0.1)) == (0.5, 0.1)
    assert len(levels("iterative", (0.8**14,))) == len(levels("iterative", (0.044,))) == 14


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=4))
def test_iterative_levels_fall_by_at_most_a_fifth_and_reach_what_is_asked(densities):
    found = levels("iterative", tuple(densities))
    assert list(found) == sorted(found, reverse=True)
    for before, after in zip((1.0, *found), found, strict=False):
        assert after >= before * 0.8 * (1 - 1e-3)
    for density in densities:
        assert min(abs(level / density - 1) for level in found) <= 6e-4


def test_the_default_retraining_is_t_and_for_rewound_weights_the_end_of_the_safe_zone():
    grid = Grid(
        network="lenet_300_100", dataset="digits", training=TRAINING, heuristics=("global_magnitude",),
        schedule="one_shot",
        techniques=tuple(TECHNIQUES), densities=(0.5,), retrain_epochs=(), trials=1, seed=0,
    )  # fmt: skip
    found = {spec.technique: spec.retrain_epochs for spec in grid.specs() if isinstance(spec, RetrainSpec)}
    assert found == {
        "fine_tune": 30,
        "lr_rewind": 30,
        "reinit": 30,
        "weight_rewind": 27,
        "low_lr_weight_rewind": 27,
        "tenth_rate_fine_tune": 30,
        "scaled_lr_restart": 30,
        "cyclic_lr_restart": 30,
        "one_cycle_restart": 30,
        "linear_lr_restart": 30,
        "adaptive_linear_lr_restart": 30,
    }
