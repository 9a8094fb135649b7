"""Figures after Han et al. 2015, from a store that is written here: every number again by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from paper_figures import han, han_numbers
from paper_figures.han_claims import CLAIMS
from paper_figures.han_store import read
from tf_lottery import checkpoint, results

SHAPES = {"hidden_1/kernel": (784, 12), "hidden_2/kernel": (12, 10), "logits/kernel": (10, 10)}
NAMES = ("hidden/kernel", "hidden/kernel#2", "logits/kernel")  # as states have them
TOTAL = 784 * 12 + 120 + 100
DENSE = {("l2", 1): 0.98, ("l2", 2): 0.984, ("l1", 1): 0.981, ("l1", 2): 0.979}
AFTER = {"sensitivity": {0.5: 0.981, 0.1: 0.978, 0.08: 0.96}, "iterative": {0.5: 0.982, 0.1: 0.981, 0.08: 0.9795}}


def result(stage, recipe, trial, technique, accuracy, density=1.0, schedule="", heuristic="", **more):
    return {
        "status": "done", "network": "lenet_300_100", "dataset": "mnist", "heuristic": heuristic, "schedule": schedule,
        "technique": technique, "density": density, "retrain_epochs": 5.0 if density < 1 else 0.0, "trial": trial,
        "test_accuracy": accuracy, "validation_accuracy": accuracy, "flops": 1, "search_cost": 5.0, "test_loss": 0.1,
        "validation_loss": 0.1, "dense_flops": 2, "kept_weights": round(TOTAL * density), "prunable_weights": TOTAL,
        "epochs": 5.0, "recipe": f"lenet_mnist_{recipe}", "training": "t0", "seed": 0, "environment": "e0",
        "environment_record": {"data": "d0"}, "stage": stage,
    } | more  # fmt: skip


def write_stage(root, stage, density, seed):
    """Write what a stage keeps by layer: kept at random, the middle pixels three times as often."""
    folder = root / "stages" / stage
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    arrays, rows = {}, []
    inside = np.zeros((28, 28), bool)
    inside[4:24, 4:24] = True
    for place, (kernel, shape) in enumerate(SHAPES.items()):
        chance = np.full(shape, density)
        if place == 0 and density < 1:
            chance *= np.where(inside.ravel(), 1.5, 0.5)[:, None]
        mask = generator.random(shape) < chance
        weights = generator.normal(0, 1, shape)
        # Of what is pruned, nothing is left near 0.
        weights = (weights if density == 1 else np.sign(weights) * (1 + np.abs(weights) / 4)) * mask
        arrays |= {f"weights/{NAMES[place]}": weights, f"masks/{NAMES[place]}": mask.astype(np.float32)}
        row = {"kernel": kernel, "kept": int(mask.sum()), "total": mask.size, "std": 1.0}
        rows.append(row | {"nonzero_inputs": (1.0, 0.5, 0.25)[place]})
    checkpoint.write(folder / "final.safetensors", arrays, {"stage": stage})
    pd.DataFrame(rows).to_csv(folder / "layers.csv", index=False)
    scanned = [
        {"kernel": kernel, "quality": quality, "kept": kept, "total": 10, "accuracy": 0.98 - loss * (place + 1)}
        for place, kernel in enumerate(SHAPES)
        for quality, kept, loss in ((0.0, 10, 0.0), (1.0, 4, 0.001), (2.0, 1, 0.02))
    ]
    pd.DataFrame(scanned).to_csv(folder / "sensitivity.csv", index=False)
    return {path.name: rows for path in [folder]}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    rows = []
    for (recipe, trial), accuracy in DENSE.items():
        stage = f"dense-{recipe}-{trial}"
        write_stage(root, stage, 1.0, trial)
        rows.append(result(stage, recipe, trial, "dense", accuracy, dead_units=0))
        for density in AFTER["sensitivity"]:
            after = AFTER["sensitivity"][density] - (0.002 if recipe == "l1" else 0) + trial / 1000
            stage = f"once-{recipe}-{trial}-{density}"
            write_stage(root, stage, density, trial)
            more = {"schedule": "one_shot", "heuristic": "sensitivity+live_units", "dead_units": 3}
            before = {"start_test_accuracy": after - (0.05 if recipe == "l2" else 0.01)}
            rows.append(result(stage, recipe, trial, "tenth_rate_fine_tune", after, density, **more, **before))
    for trial, density in itertools.product((1, 2), AFTER["iterative"]):
        stage = f"again-{trial}-{density}"
        write_stage(root, stage, density, 10 * trial)
        more = {"schedule": "iterative", "heuristic": "sensitivity+live_units", "dead_units": trial}
        after = AFTER["iterative"][density] + trial / 1000
        rows.append(result(stage, "l2", trial, "tenth_rate_fine_tune", after, density, **more, start_test_accuracy=0.5))
    rows.append(result("other", "l2", 1, "fine_tune", 0.5, 0.5, "one_shot", "random"))
    (root / "results.csv").write_text(results.to_csv(results.table(rows)))
    return root


@pytest.fixture(scope="module")
def run(store):
    (only,) = read(store)
    return only


def test_each_line_is_its_accuracy_minus_that_of_the_dense_network_with_l2_of_the_same_trial(run):
    found = han_numbers.tradeoff([run]).set_index(["line", "density"])
    assert len(found) == 5 * 3
    for density, after in AFTER["sensitivity"].items():
        changes = sorted(100 * (after + trial / 1000 - DENSE["l2", trial]) for trial in (1, 2))
        row = found.loc[("L2, retrained", density)]
        assert (row.low, row.high, row.value) == pytest.approx((*changes, sum(changes) / 2))
        assert row.trials == 2
        assert found.loc[("L2, no retraining", density)].value == pytest.approx(row.value - 5)
        assert found.loc[("L1, retrained", density)].value == pytest.approx(row.value - 0.2)
        assert found.loc[("L1, no retraining", density)].value == pytest.approx(row.value - 1.2)
        again = found.loc[("L2, pruned and retrained iteratively", density)].value
        assert again == pytest.approx(row.value + 100 * (AFTER["iterative"][density] - after))
        assert row.pruned == pytest.approx(1 - density, abs=1e-3)


def test_layers_are_told_by_what_they_lose_alone(run):
    found = han_numbers.sensitivity([run]).set_index(["layer", "quality"])
    assert found.loc[("hidden_2", 2.0)].value == pytest.approx(-4)
    assert found.loc[("hidden_2", 2.0)].kept == 0.1
    assert found.loc[("logits", 0.0)].value == 0


def test_the_table_by_layer_multiplies_what_is_kept_with_what_is_not_zero(store, run):
    found = han_numbers.layer_table([run]).set_index("layer")
    layers = [pd.read_csv(store / "stages" / f"again-{trial}-0.08" / "layers.csv") for trial in (1, 2)]
    for place, (layer, nonzero) in enumerate((("hidden_1", 1.0), ("hidden_2", 0.5), ("logits", 0.25))):
        kept = np.median([100 * rows.kept[place] / rows.total[place] for rows in layers])
        assert found.loc[layer, "kept [%]"] == pytest.approx(kept)
        assert found.loc[layer, "FLOPs [%]"] == pytest.approx(kept * nonzero)
    assert found.loc["all", "weights"] == TOTAL
    sums = [(rows.kept * np.array([1.0, 0.5, 0.25])).sum() / TOTAL for rows in layers]
    assert found.loc["all", "FLOPs [%]"] == pytest.approx(100 * np.median(sums))
    assert found.loc["all", "error after [%]"] == pytest.approx(100 * (1 - 0.981))
    assert (found.loc["all", "theirs, after [%]"], found.loc["all", "dead units"]) == (1.59, 1.5)
    assert found.loc["hidden_1", "theirs, kept [%]"] == 8


def test_the_histogram_counts_what_is_kept_and_the_mask_is_that_of_the_first_layer(run):
    counts = han_numbers.histogram(run)
    weights, mask = run.kernel("again-1-0.08", 0)
    inside = np.abs(weights[mask]) <= counts.to.iloc[-1]
    assert counts.after.sum() == inside.sum()
    assert 0.99 < inside.mean() < 1
    pixels, positions = han_numbers.mask_of_pixels(run), han_numbers.mask_positions(run)
    assert pixels.kept.sum() == len(positions) == mask.sum()
    row = pixels[(pixels.row == 10) & (pixels.column == 3)]
    assert row.kept.item() == mask[10 * 28 + 3].sum() == (positions.pixel == 10 * 28 + 3).sum()


def test_the_command_writes_figures_numbers_and_claims_again_the_same(store, tmp_path, capsys):
    for name in ("one", "two"):
        assert han.main([f"--store={store}", f"--output_dir={tmp_path / name}"]) == 0
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    figures = ("tradeoff", "sensitivity", "histogram-lenet_300_100", "mask-lenet_300_100")
    assert written == sorted(
        [f"{f}.{end}" for f in figures for end in ("csv", "png", "svg")] + ["claims.csv", "layers.csv"]
    )
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    claims = pd.read_csv(tmp_path / "one" / "claims.csv").set_index("claim")
    assert set(claims.index) == CLAIMS.keys() - {"first_convolution_most_sensitive"}
    # Half: 98.1 + 0.1 or 0.2 points, minus 5, against 98 and 98.4. A tenth: -0.2 and -0.4 + 0.1 and 0.2.
    assert claims.value["no_retraining_to_a_half"] == pytest.approx((0.2 - 0.1) / 2 - 5)
    assert claims.value["retraining_to_a_tenth"] == pytest.approx((-0.1 - 0.4) / 2)
    assert claims.value["iterative_is_best"] == pytest.approx(1.95)
    assert claims.value["l1_better_before_retraining"] == pytest.approx(3.8)
    assert claims.value["l2_better_after_retraining"] == pytest.approx(0.2)
    assert claims.value["twelvefold_without_loss"] == pytest.approx((0.05 - 0.25) / 2)
    assert claims.value["centre_of_the_digits"] == pytest.approx(3, abs=0.4)  # drawn at random
    assert claims.verdict.to_dict() == {
        "no_retraining_to_a_half": "fails",
        "retraining_to_a_tenth": "fails",
        "iterative_is_best": "holds",
        "l1_better_before_retraining": "holds",
        "l2_better_after_retraining": "holds",
        "twelvefold_without_loss": "holds",
        "two_peaks": "holds",
        "centre_of_the_digits": "holds",
    }
    capsys.readouterr()


def test_a_folder_of_other_results_is_one_sentence(tmp_path, capsys):
    assert han.main([f"--store={tmp_path}"]) == 1
    assert "results.csv" in capsys.readouterr().err
    other = results.table([result("other", "l2", 1, "fine_tune", 0.5, 0.5, "one_shot", "random")])
    (tmp_path / "results.csv").write_text(results.to_csv(other))
    assert han.main([f"--store={tmp_path}"]) == 1
    assert "has no results of this experiment" in capsys.readouterr().err
    assert han.main([f"--store={tmp_path}", "--formats=svgg"]) == 1
