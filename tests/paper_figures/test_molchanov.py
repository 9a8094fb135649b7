"""Figures after Molchanov et al. 2017, from a store that is written here: every number again by hand."""

import json

import pandas as pd
import pytest

from paper_figures import molchanov, molchanov_numbers
from paper_figures.molchanov_store import read
from tf_lottery import results

# The scores of the dense network's channels, of two layers with three and two, in each trial.
SCORES = {
    "map_oracle": [0.1, 0.5, 0.3, 0.9, 0.2],
    "map_taylor": [0.2, 0.6, 0.1, 0.8, 0.7],  # by layer 0.5 and 1; over all ranks 2 3 1 5 4 beside 1 4 3 5 2
    "map_mean": [3.0, 2.0, 1.0, 1.0, 2.0],
}
ACCURACY = {("map_oracle", 0.8): 0.98, ("map_taylor", 0.8): 0.97, ("map_mean", 0.8): 0.9}


def row(stage, trial, technique="fine_tune", accuracy=0.99, density=1.0, heuristic="", t=0.0):
    return {
        "status": "done", "network": "lenet_5", "dataset": "mnist",
        "heuristic": heuristic and f"{heuristic}+of_channels",
        "schedule": heuristic and "iterative", "technique": technique, "density": density, "retrain_epochs": t,
        "trial": trial, "test_accuracy": accuracy, "validation_accuracy": accuracy, "flops": round(1000 * density**2),
        "search_cost": t, "test_loss": 0.1, "validation_loss": 0.1, "dense_flops": 1000, "prunable_weights": 200,
        "kept_weights": round(200 * density), "epochs": 5.0, "recipe": "lenet_mnist_l2", "training": "t0", "seed": 0,
        "environment": "e0", "environment_record": {"data": "d0"}, "stage": stage,
    }  # fmt: skip


def write(root, stage, parent, criterion, density, steps):
    folder = root / "stages" / stage
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"parent": parent}))
    (folder / "result.json").write_text(json.dumps({"steps": steps}))
    kept = [1] * round(5 * density) + [0] * (5 - round(5 * density))
    frame = pd.DataFrame({"group": ["a", "a", "a", "b", "b"], "channel": [0, 1, 2, 0, 1], "kept": kept})
    frame.assign(score=SCORES[criterion]).to_csv(folder / "channels.csv", index=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root, rows = tmp_path_factory.mktemp("store"), []
    for trial in (1, 2):
        rows.append(row(f"dense-{trial}", trial, "dense"))
        for criterion in SCORES:
            parent = f"dense-{trial}"
            for density, t, steps in ((0.8, 0.1, 30), (0.8, 1.0, 300), (0.6, 0.1, 30)):
                stage = f"{criterion}-{density}-{t}-{trial}"
                accuracy = ACCURACY.get((criterion, density), 0.5) + (0.01 if t == 1 else 0) - 0.002 * trial
                rows.append(row(stage, trial, accuracy=accuracy, density=density, heuristic=criterion, t=t))
                write(root, stage, parent, criterion, density, steps)
                parent = parent if t == 1 else stage
        stage = f"more-{trial}"
        rows.append(row(stage, trial, accuracy=0.985, density=0.8, heuristic="map_taylor", t=0.3))
        write(root, stage, f"dense-{trial}", "map_taylor", 0.8, 90)
    (root / "results.csv").write_text(results.to_csv(results.table(rows)))
    return root


def test_chains_and_what_is_retrained_beside_them_are_told_apart(store):
    (run,) = read(store)
    counts = molchanov_numbers.counts([run]).set_index(["way", "criterion", "density"])
    assert len(counts) == 3 * 2 + 3
    chain, tuned = counts.loc[("chain", "map_taylor", 0.8)], counts.loc[("fine_tuned", "map_taylor", 0.8)]
    assert (chain.channels, chain.weights, chain.flops, chain.trials) == (80, 80, 64, 2)
    assert chain[["value", "low", "high"]].tolist() == pytest.approx([96.7, 96.6, 96.8])
    assert tuned.value == pytest.approx(97.7)


def test_numbers_of_updates_are_told_apart(store):
    updates = molchanov_numbers.updates(read(store)).set_index(["updates", "density"])
    assert updates.index.tolist() == [(30, 0.8), (30, 0.6), (90, 0.8)]
    assert updates.value.loc[(90, 0.8)] == pytest.approx(98.5)


def test_correlations_with_the_oracle_are_by_layer_and_over_all(store):
    found = molchanov_numbers.correlations(read(store)).set_index("criterion")
    assert found.loc["map_oracle", ["layers", "all", "a", "b"]].tolist() == pytest.approx([1, 1, 1, 1])
    # Layer a: ranks 2 3 1 beside 1 3 2, 1 - 6 x 2 / 24; b: the same order. All: 1 - 6 (1 + 1 + 4 + 0 + 4) / 120.
    assert found.loc["map_taylor", ["layers", "all", "a", "b"]].tolist() == pytest.approx([0.75, 0.5, 0.5, 1])
    assert found.loc["map_taylor", "layers_theirs"] == 0.73
    assert found.loc["map_mean", "b"] == pytest.approx(-1)


def test_ranks_are_of_all_channels_together(store):
    assert molchanov_numbers.ranks(read(store))["rank"].tolist() == [1, 4, 3, 5, 2]


def test_all_is_written_and_the_same_numbers_make_the_same_bytes(store, tmp_path, capsys):
    for folder in ("one", "two"):
        assert molchanov.main([f"--store={store}", f"--output_dir={tmp_path / folder}", "--formats=svg"]) == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(
        ["correlations.csv"]
        + [f"{name}-lenet_5.{kind}" for name in ("criteria", "ranks", "updates") for kind in ("csv", "svg")]
    )
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    assert "criteria-lenet_5.svg" in capsys.readouterr().out


def test_a_store_of_another_experiment_is_one_sentence(store, tmp_path, capsys):
    (tmp_path / "results.csv").write_text(results.to_csv(results.table([row("dense-1", 1, "dense")])))
    assert molchanov.main([f"--store={tmp_path}"]) == 1
    assert "has no results of this experiment. Run --flagfile=molchanov_lenet_5." in capsys.readouterr().err
