"""Every stage of `run_experiment.py` on a dense network against the same stage in NumPy."""

import ast
import itertools
from pathlib import Path

import numpy as np
import paper_in_numpy as paper
import pytest
import tf_keras as keras  # noqa: TID251 - the library's own would not be another's

LAYERS = ("hidden/{}", "hidden/{}#2", "logits/{}")  # as the store numbers equal names: in the order of the model
RECIPE = paper.Recipe(rate=0.1, momentum=0.9, decay=1e-4, batch=64, epochs=3, examples=1_297)
SMALL = ("--network=lenet_300_100_x0.1", "--epochs=3", "--strategy=" + ",".join((*paper.TECHNIQUES, *paper.RESTARTS)))
# schedule, seed, t, trials, densities of the chain or of the single prunings
GRIDS = {
    "iterative": (0, 2, (1, 2), (0.8, 0.64)),
    "one_shot": (7, 3, (1,), (0.3, 0.05)),
}
CASES = [
    (schedule, trial, technique, level)
    for schedule, (_, _, trials, densities) in GRIDS.items()
    for trial, technique, level in itertools.product(
        trials, (None, *paper.TECHNIQUES, *paper.RESTARTS), range(len(densities))
    )
    if technique or level == 0
]


@pytest.fixture(scope="module")
def store(runs):
    for schedule, (seed, t, trials, densities) in GRIDS.items():
        asked = ",".join(map(str, densities))
        runs.run(
            *SMALL, f"--schedule={schedule}", f"--seed={seed}", f"--retrain_epochs={t}", f"--trials={len(trials)}",
            f"--density={asked}",
        )  # fmt: skip
    runs.rows = runs.table()
    return runs


def find(store, schedule, trial, technique, level):
    """Return the stage of the store that the paper's experiment has at this place; level -1 is the dense training."""
    seed, t, _, densities = GRIDS[schedule]
    rows = store.rows[(store.rows.seed == seed) & (store.rows.trial == trial)]
    if technique is None or level < 0:
        rows = rows[rows.technique == "dense"]
    else:
        rows = rows[(rows.technique == technique) & (rows.schedule == schedule) & (rows.retrain_epochs == t)]
        rows = rows[(rows.density - densities[level]).abs() < 1e-9]
    assert len(rows) == 1, rows
    return store.stage(rows.iloc[0].stage)


def network(arrays):
    def all_of(kind, what):
        return [arrays[f"{kind}/{layer.format(what)}"] for layer in LAYERS]

    return paper.Network(
        all_of("weights", "kernel"),
        all_of("weights", "bias"),
        all_of("optimizer/accumulators", "kernel"),
        all_of("optimizer/accumulators", "bias"),
    )


def mask_of(arrays, layer):
    return arrays[f"masks/{layer.format('kernel')}"]


def fresh(seed, trial, depth):
    """Return the initialisation: Glorot normal kernels and zero biases, as Keras draws them after its seed is set."""
    who = {"seed": seed, "trial": trial, "depth": depth, "purpose": "weights", "epoch": 0}
    keras.utils.set_random_seed(paper.key(**who) % 2**31)
    sizes = (64, 30, 10, 10)
    layers = [keras.layers.Dense(units, kernel_initializer="glorot_normal") for units in sizes[1:]]
    for layer, inputs in zip(layers, sizes, strict=False):
        layer.build((None, inputs))
    return paper.Network.fresh([layer.kernel.numpy() for layer in layers], [layer.bias.numpy() for layer in layers])


@pytest.mark.parametrize(("schedule", "trial", "technique", "level"), CASES)
def test_a_stage_is_the_paper_s(store, schedule, trial, technique, level):
    seed, t, _, densities = GRIDS[schedule]
    stage = find(store, schedule, trial, technique, level)
    depth = 0 if technique is None else 1 if schedule == "one_shot" else level + 1
    initial = fresh(seed, trial, depth)

    # What it starts from, and under which masks.
    masks = [np.ones_like(kernel) for kernel in initial.kernels]
    begin, removed = initial, None
    if technique:
        parent_level = level - 1 if schedule == "iterative" else -1
        parent, dense = (find(store, schedule, trial, technique, at) for at in (parent_level, -1))
        before = [mask_of(parent.final, layer) for layer in LAYERS]
        masks = paper.global_magnitude(network(parent.final).kernels, before, densities[level])
        removed = paper.removed_share_and_norm(network(parent.final), before, masks)
        point = dense.points.get(RECIPE.steps - RECIPE.steps_of(t))
        begin = paper.start(technique, parent=network(parent.final), rewound=point and network(point), fresh=initial)
        begin = begin.masked(masks)
    for number, layer in enumerate(LAYERS):
        assert np.array_equal(mask_of(stage.final, layer), masks[number])
        for kind, what, value in (
            ("weights/", "kernel", begin.kernels[number]),
            ("weights/", "bias", begin.biases[number]),
            ("optimizer/accumulators/", "kernel", begin.kernel_velocities[number]),
            ("optimizer/accumulators/", "bias", begin.bias_velocities[number]),
        ):
            # Products of negative weights and 0 are -0.0; the library's masked weights are 0.0.
            assert stage.start[kind + layer.format(what)] == store.digest(value.astype(np.float32) + np.float32(0)), (
                kind
            )

    # How it is trained.
    data, rates = paper.digits(), paper.rates(RECIPE, technique, t, removed)
    momenta = paper.momenta(RECIPE, technique, len(rates))
    places = paper.order(len(rates) * RECIPE.batch, RECIPE.examples, seed=seed, trial=trial, depth=depth)
    images, labels = data.train
    batches = [(images[rows], labels[rows]) for rows in places.reshape(len(rates), RECIPE.batch)]
    trained, history = paper.train(begin, masks, batches, rates, momenta_=momenta, decay=RECIPE.decay)
    ours = network(stage.final)
    assert int(stage.final["optimizer/iteration"]) - len(rates) == _iterations_before(
        store, schedule, trial, technique, level
    )
    for number in range(len(LAYERS)):
        # float32 rounds each sum to 1 part in 10^7; over 40 to 120 steps that grew to 1.5e-6 (velocities: 3.5e-6) here.
        # A single step at another rate, or one batch of other examples, moves weights by 1e-3 and more.
        np.testing.assert_allclose(ours.kernels[number], trained.kernels[number], rtol=0, atol=2e-5)
        np.testing.assert_allclose(ours.biases[number], trained.biases[number], rtol=0, atol=2e-5)
        kept = masks[number] != 0  # velocities of pruned weights have no effect
        np.testing.assert_allclose(
            ours.kernel_velocities[number][kept], trained.kernel_velocities[number][kept], rtol=0, atol=4e-5
        )

    # What is told of it.
    first = 0
    for row in stage.metrics.itertuples():
        losses, accuracies = zip(*history[first : row.step], strict=True)
        assert row.learning_rate == pytest.approx(rates[row.step - 1], rel=1e-6)
        assert row.loss == pytest.approx(np.mean(losses), abs=1e-5)
        assert row.accuracy == pytest.approx(np.mean(accuracies), abs=1e-6)  # float32 sums of right answers
        first = row.step
    assert first == len(rates)
    for split in ("validation", "test"):
        loss, accuracy = paper.measure(trained, *getattr(data, split))
        assert stage.result[f"{split}_loss"] == pytest.approx(loss, abs=1e-5)
        assert stage.result[f"{split}_accuracy"] == accuracy  # no two logits of an example are nearer than rounding
        assert row.validation_accuracy == pytest.approx(stage.result["validation_accuracy"], abs=1e-6)
    retrained = 0 if technique is None else (t + (RECIPE.epochs if technique == "reinit" else 0)) * depth
    assert stage.result["search_cost"] == retrained
    assert stage.result["kept_weights"] == sum(int(mask.sum()) for mask in masks)


def _iterations_before(store, schedule, trial, technique, level):
    """Return the optimizer's own count at the start: it travels with the weights."""
    if technique in (None, "reinit", "one_cycle_restart"):
        return 0
    if technique in paper.REWINDS_WEIGHTS:
        return RECIPE.steps - RECIPE.steps_of(GRIDS[schedule][1])
    before = find(store, schedule, trial, technique, level - 1 if schedule == "iterative" else -1)
    return int(before.final["optimizer/iteration"])


def test_trials_and_seeds_are_other_experiments(store):
    finals = [find(store, "iterative", trial, None, 0) for trial in (1, 2)] + [find(store, "one_shot", 1, None, 0)]
    for one, two in itertools.combinations(finals, 2):
        for layer in LAYERS:
            assert not np.array_equal(*(arrays.final[f"weights/{layer.format('kernel')}"] for arrays in (one, two)))


def test_the_reference_shares_no_line_with_the_library():
    tree = ast.parse(Path(paper.__file__).read_text())
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "dataclasses", "fractions", "hashlib", "math", "numpy", "sklearn"}
