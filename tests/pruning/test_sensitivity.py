import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.prune import prunable_kernels
from tf_lottery.pruning.sensitivity import Sensitivity, choose, scan

layers = keras.layers


def test_each_layer_is_pruned_alone_below_its_quality_times_its_deviation():
    kernels = {"one": np.array([1.0, -1, 2, -4]), "two": np.array([3.0, -3])}
    masks = {"one": np.array([1, 1, 1, 0], np.uint8), "two": np.ones(2, np.uint8)}
    # Of 1, -1 and 2 the deviation is sqrt(14/9) = 1.247: below it lie 1 and -1, below twice it all three.
    seen = []

    def accuracy(given):
        seen.append({name: mask.tolist() for name, mask in given.items()})
        return 1 - len(seen) / 100

    found = scan(kernels, masks, accuracy, (1.0, 2.0))
    assert seen == [
        {"one": [1, 1, 1, 0], "two": [1, 1]},
        {"one": [0, 0, 1, 0], "two": [1, 1]},
        {"one": [0, 0, 0, 0], "two": [1, 1]},
        {"one": [1, 1, 1, 0], "two": [1, 1]},  # |w| is the deviation: what is below it goes
        {"one": [1, 1, 1, 0], "two": [0, 0]},
    ]
    assert [(row.kernel, row.quality, row.kept, row.total) for row in found] == [
        ("one", 0, 3, 4), ("one", 1, 1, 4), ("one", 2, 0, 4), ("two", 0, 2, 2), ("two", 1, 2, 2), ("two", 2, 0, 2),
    ]  # fmt: skip
    assert [row.accuracy for row in found] == [0.99, 0.98, 0.97, 0.99, 0.96, 0.95]


def test_the_quality_is_the_last_before_the_layer_loses_more_even_where_it_recovers():
    def rows(kernel, *accuracies):
        return [
            Sensitivity(kernel=kernel, quality=float(place), kept=1, total=1, accuracy=accuracy)
            for place, accuracy in enumerate(accuracies)
        ]

    scanned = rows("a", 0.9, 0.91, 0.88, 0.9) + rows("b", 0.9, 0.89, 0.9, 0.895) + rows("c", 0.9, 0.2, 0.1, 0.1)
    assert choose(scanned, 0.01) == {"a": 1.0, "b": 3.0, "c": 1.0}


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    made = keras.Sequential([layers.Dense(30, activation="relu", input_shape=(8,), name="one"), layers.Dense(2)])
    made = tl.prunable(made)
    made.compile(keras.optimizers.Adam(), "mse", metrics=["accuracy"])
    return made


def test_prune_scans_on_the_model_and_ranks_by_the_chosen_qualities(model):
    before = [weight.numpy() for _, weight, _ in prunable_kernels(model)]
    # What this evaluation asks for: 9 of 10 weights of the first kernel may go, a tenth of the second's.
    bounds = [0.1, 0.9]

    def accuracy():
        shares = [np.count_nonzero(weight.numpy()) / weight.numpy().size for _, weight, _ in prunable_kernels(model)]
        return 1.0 if all(share >= bound for share, bound in zip(shares, bounds, strict=True)) else 0.0

    report = tl.prune(model, 0.3, heuristic="sensitivity", accuracy=accuracy)
    names = [row.name for row in report.kernels]
    expected = {}
    for name, kernel, bound in zip(names, before, bounds, strict=True):
        scores = np.abs(kernel) / kernel.std(dtype=np.float64)
        tried = heuristics.HEURISTICS["sensitivity"].scan.qualities
        expected[name] = max([tried[0], *(q for q in tried if (scores >= q).mean() >= bound)])
    assert expected[names[0]] > 5 * expected[names[1]]
    flat = np.concatenate(
        [
            (np.abs(kernel) / kernel.std(dtype=np.float64) / expected[name]).ravel()
            for name, kernel in zip(names, before, strict=True)
        ]
    )
    kept = np.zeros(flat.size, bool)
    kept[np.argsort(-flat)[: report.kept]] = True
    assert np.concatenate([mask.ravel() for mask in tl.masks(model).values()]).tolist() == kept.astype(int).tolist()
    for kernel, (_, weight, mask) in zip(before, prunable_kernels(model), strict=True):
        assert np.array_equal(weight.numpy(), kernel * mask.numpy())  # put back after the scan, then pruned
    assert len(report.sensitivity) == 2 * (1 + len(tried))


def test_without_an_evaluation_a_scan_is_refused_and_an_error_in_it_leaves_the_model_as_it_was(model):
    with pytest.raises(TypeError, match="accuracy is None; expected for sensitivity a function"):
        tl.prune(model, 0.5, heuristic="sensitivity")
    before = [weight.numpy() for weight in model.weights]
    for wrong in (lambda: "good", lambda: 1 / 0):
        with pytest.raises((TypeError, ZeroDivisionError)):
            tl.prune(model, 0.5, heuristic="sensitivity", accuracy=wrong)
    assert all(np.array_equal(one, two.numpy()) for one, two in zip(before, model.weights, strict=True))


def test_layers_are_pruned_to_densities_of_their_own(model):
    tl.prune(model, 0.5, heuristic="layer_magnitude", layer_densities={"one": 0.25})
    kept = [int(mask.sum()) for mask in tl.masks(model).values()]
    assert kept == [240 - -(-239 * 3 // 4), 60 - -(-59 // 2)]


@pytest.mark.parametrize(
    ("heuristic", "densities", "error", "sentence"),
    [
        ("global_magnitude", {"one": 0.1}, ValueError, "global_magnitude does not prune by layer; expected, for"),
        ("layer_magnitude", {"oen": 0.1}, ValueError, "no layer 'oen'. Did you mean 'one'"),
        ("layer_magnitude", {"one": 0}, ValueError, "density of one is 0; expected above 0"),
        ("layer_magnitude", {"one": "half"}, TypeError, "density of one is 'half'"),
        ("layer_magnitude", [0.1], TypeError, r"layer densities are \[0.1\]; expected a mapping"),
    ],
)
def test_wrong_layer_densities_are_refused(model, heuristic, densities, error, sentence):
    with pytest.raises(error, match=sentence):
        tl.prune(model, 0.5, heuristic=heuristic, layer_densities=densities)
