import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning import heuristics
from tf_lottery.pruning.masked_kernels import prunable_kernels
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


def rows(kernel, *accuracies):
    return [
        Sensitivity(kernel=kernel, quality=float(place), kept=1, total=1, accuracy=accuracy)
        for place, accuracy in enumerate(accuracies)
    ]


def test_qualities_are_those_of_one_loss_for_all_layers():
    """By hand: 100 weights at 0.05, 0.1, ... 5 deviations in each of two layers."""
    sizes = np.arange(1, 101) / 20
    # Of plus and minus each size the deviation is the root mean square: qualities are sizes over it.
    kernel = np.concatenate([sizes, -sizes]) / np.sqrt((sizes**2).mean())
    kernels = {"a": kernel, "b": 7 * kernel}
    masks = {name: np.ones(200, np.uint8) for name in kernels}
    # a loses 0.1 with each quality; b half of it, and once seems to gain.
    scanned = rows("a", 0.9, 0.8, 0.7) + rows("b", 0.9, 0.85, 0.87)
    deviation = np.sqrt((sizes**2).mean())

    def kept(quality):
        return 2 * int((sizes / deviation >= quality).sum())

    # At a loss of 0.03: 0.3 of a, 0.6 of b. At 0.05 b is at its greatest, 2, for the loss is no more there.
    for loss, expected in ((0.03, (0.3, 0.6)), (0.08, (0.8, 2.0))):
        keep = sum(map(kept, expected))
        found = choose(scanned, kernels, masks, keep)
        assert kept(found["a"]) + kept(found["b"]) == keep
        assert found["a"] == pytest.approx(expected[0], abs=0.05)
        assert found["b"] == pytest.approx(expected[1], abs=0.05), loss


def test_where_nothing_is_lost_layers_go_by_what_costs_nothing_and_beyond_the_scan_by_its_end():
    kernel = np.linspace(-2, 2, 101)
    kernels, masks = {"a": kernel, "b": kernel}, {name: np.ones(101, np.uint8) for name in "ab"}
    scanned = rows("a", 0.9, 0.9, 0.91) + rows("b", 0.9, 0.5, 0.1)
    assert choose(scanned, kernels, masks, 200) == {"a": 2.0, "b": pytest.approx(0.01)}
    # Nothing is kept from the greatest weight on, which needs no more of a loss.
    assert choose(scanned, kernels, masks, 0) == {"a": 2.0, "b": pytest.approx(2 / kernel.std(), abs=1e-6)}


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
    tried = heuristics.HEURISTICS["sensitivity"].scan
    assert len(report.sensitivity) == 2 * (1 + len(tried))
    seen = {(row.kernel, row.quality): row for row in report.sensitivity}
    for name, kernel, bound in zip(names, before, bounds, strict=True):
        for quality in tried:
            share = (np.abs(kernel) / kernel.std(dtype=np.float64) >= quality).mean()
            assert seen[name, quality].kept == round(share * kernel.size)
            assert seen[name, quality].accuracy == (share >= bound)
    values = dict(zip(names, before, strict=True))
    ones = {name: np.ones(kernel.shape, np.uint8) for name, kernel in values.items()}
    expected = choose(report.sensitivity, values, ones, report.kept)
    assert expected[names[0]] > 3 * expected[names[1]]
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
