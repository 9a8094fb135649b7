"""Own results beside the published ones: against csv and statistics alone, by the command that a user types."""

import csv
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from paper_figures.make import main
from paper_figures.recipe import paper_precisions
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.networks.recipes import resolve

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (ROOT / "docs/results/fashion_mnist_lenet.csv").read_text().splitlines()[0].split(",")
TECHNIQUES = ("fine_tune", "lr_rewind", "weight_rewind")
PAPER = training_digest(resolve("paper_cifar10", examples=50_000))
SHORT = training_digest(resolve("paper_cifar10", examples=50_000, epochs=20))


def own_row(technique, density, t, accuracy, *, trial=1, training=PAPER, total=182, **changes):
    pruned = technique != "dense"
    values = {
        "network": "resnet20", "dataset": "cifar10", "technique": technique, "density": density,
        "heuristic": "global_magnitude" if pruned else "", "schedule": "one_shot" if pruned else "",
        "retrain_epochs": t, "trial": trial, "test_accuracy": accuracy, "validation_accuracy": accuracy,
        "flops": 41886986, "search_cost": t, "epochs": t if pruned else total, "recipe": "paper_cifar10",
        "training": training, "seed": 0, "environment": "e0", "stage": f"{technique}-{density}-{t}-{trial}",
    }  # fmt: skip
    return dict.fromkeys(COLUMNS, "") | values | changes


def cells():
    """The run that is under way: dense, and three techniques at two densities and three retrain times."""
    yield "dense", 1.0, 0.0
    for technique in TECHNIQUES:
        for density in (0.1074, 0.3277):
            for t in (90.0, 30.0, 164.0 if technique == "weight_rewind" else 182.0):
                yield technique, density, t


@pytest.fixture(scope="module")
def own():
    return [own_row(*cell, 0.88 + place / 500) for place, cell in enumerate(cells())]


def written(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def theirs(plain, technique, density, t):
    """Published accuracies [%] of a cell of the one-shot ResNet-20."""
    return [
        100 * float(row["test_accuracy"])
        for row in plain
        if row["network"] == "resnet20" and row["technique"] == technique and float(row["retrain_epochs"]) == t
        and row["schedule"] in ("", "one_shot") and abs(float(row["density"]) - density) < 1e-4
    ]  # fmt: skip


def test_every_cell_is_as_loops_over_the_files_say(tmp_path, capsys, plain, own):
    path = written(tmp_path / "results.csv", own)
    assert main(["--compare", f"--results={path}", f"--output_dir={tmp_path / 'out'}"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.replace(str(tmp_path), "").splitlines())) <= 100
    assert "weight_rewind, one-shot, unstructured is not published at t = 164, but at 10, 30" in " ".join(out.split())
    with (tmp_path / "out/compare.csv").open() as file:
        table = {
            (row["technique"], float(row["density"]), float(row["retrain_epochs"])): row for row in csv.DictReader(file)
        }
    assert len(table) == len(own) == 19
    inside = 0
    for place, cell in enumerate(cells()):
        row, published, value = table[cell], theirs(plain, *cell), 88 + place / 5
        assert float(row["median"]) == pytest.approx(value, abs=1e-3)  # six digits are written
        if cell[2] == 164:
            assert not published
            assert row["place"] == row["published_median"] == ""
            assert row["why"].startswith(
                "weight_rewind, one-shot, unstructured is not published at t = 164, but at 10,"
            )
            continue
        median, low, high = statistics.median(published), min(published), max(published)
        assert int(row["published_trials"]) == len(published) == (123 if cell[0] == "dense" else 3)
        for name, expected in (("median", median), ("low", low), ("high", high)):
            assert float(row[f"published_{name}"]) == pytest.approx(expected, abs=1e-3)
        assert float(row["difference"]) == pytest.approx(value - median, abs=2e-3)
        assert row["place"] == ("below" if value < low else "above" if value > high else "inside")
        inside += low <= value <= high
        line = f"{median:.2f} ({low:.2f} to {high:.2f})"
        (found,) = (text for text in out.splitlines() if line in text and f" {cell[2]:g} " in text)
        assert found.split()[:3] == [cell[0], f"{cell[1]:.4f}", f"{cell[2]:g}"]
        assert found.split()[-2:] == [f"{value - median:+.2f}", row["place"]]
    assert f"Inside the published range: {inside} of 17;" in out
    assert "No published partner: 2 cells (2 networks) of resnet20 on cifar10: " in out


def test_medians_and_ranges_are_over_own_trials_and_the_ends_of_the_published_range_are_inside(tmp_path, plain):
    low, middle, high = sorted(theirs(plain, "lr_rewind", 0.1074, 90))
    rows = [own_row("lr_rewind", 0.8**10, 90.0, value / 100, trial=1 + at) for at, value in enumerate((low, 50, 99))]
    rows += [own_row("fine_tune", 0.1074, 90.0, min(theirs(plain, "fine_tune", 0.1074, 90)) / 100 - 0.000125)]
    path = written(tmp_path / "results.csv", rows)
    assert main(["--compare", f"--results={path}", f"--output_dir={tmp_path}"]) == 0
    with (tmp_path / "compare.csv").open() as file:
        below, inside = csv.DictReader(file)
    assert [float(inside[name]) for name in ("median", "low", "high")] == pytest.approx([low, 50, 99], abs=1e-3)
    assert float(inside["difference"]) == pytest.approx(low - middle, abs=1e-3)
    assert (inside["trials"], inside["place"], below["place"]) == ("3", "inside", "below")
    assert low < high


def test_a_published_cell_that_its_neighbours_do_not_allow_is_marked_and_named(tmp_path, capsys, plain):
    """One trial of ResNet-20, weights rewound 90 epochs at 3.82x, is 93.4% where all others are below 92.3%."""
    assert sum(value > 93 for value in theirs(plain, "weight_rewind", 0.2621, 90)) == 1
    rows = [own_row("weight_rewind", 0.2621, 90.0, 0.92), own_row("lr_rewind", 0.2621, 90.0, 0.92)]
    path = written(tmp_path / "results.csv", rows)
    assert main(["--compare", f"--results={path}", f"--output_dir={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marked, other = (next(line for line in lines if line.strip().startswith(name)) for name in ("weight", "lr_rewind"))
    assert "93.40) ?" in marked
    assert "?" not in other
    told = "? Published, but neighbours and trials do not allow it: weight_rewind at 0.2621 with t = 90 (trial 2)."
    assert told in " ".join(line.strip() for line in lines)
    with (tmp_path / "compare.csv").open() as file:
        doubts = {row["technique"]: row["published_doubtful"] for row in csv.DictReader(file)}
    assert doubts == {"weight_rewind": "2", "lr_rewind": ""}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"training": SHORT, "total": 20}, "T = 20 and not 182"),
        ({"training": "t00000000"}, "another recipe than paper_cifar10 with T = 182"),
        ({"training": "", "total": 20}, "T = 20 and not 182"),
        ({"network": "resnet20_x0.5"}, "no such network and data are published"),
        ({"dataset": "fashion_mnist"}, "no such network and data are published"),
    ],
)
def test_another_training_is_not_compared_and_the_message_says_why(tmp_path, capsys, changes, why):
    rows = [own_row(*cell, 0.9, **changes) for cell in (("dense", 1.0, 0.0), ("lr_rewind", 0.1074, 20.0))]
    path = written(tmp_path / "results.csv", rows)
    assert main(["--compare", f"--results={path}", f"--output_dir={tmp_path / 'out'}"]) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith("paper_figures: nothing to compare: 2 cells (2 networks) of ")
    assert why in message
    assert "--flagfile=flags/cifar10_resnet20.flags" in message
    assert not (tmp_path / "out").exists()


def test_a_table_without_digests_is_compared_by_recipe_and_epochs(tmp_path, capsys):
    rows = [own_row(*cell, 0.9, training="") for cell in (("dense", 1.0, 0.0), ("lr_rewind", 0.1074, 90.0))]
    assert main(["--compare", f"--results={written(tmp_path / 'r.csv', rows)}", f"--output_dir={tmp_path}"]) == 0
    assert "of 2;" in capsys.readouterr().out


def test_the_same_recipe_in_another_precision_is_a_part_of_its_own(tmp_path, capsys, own):
    half = training_digest(resolve("paper_cifar10", examples=50_000, precision="mixed_bfloat16"))
    rows = [*own, own_row("lr_rewind", 0.1074, 90.0, 0.9, training=half)]
    assert main(["--compare", f"--results={written(tmp_path / 'r.csv', rows)}", f"--output_dir={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert "float32)" in out
    assert f"(training {half}, seed 0, mixed_bfloat16)" in out


@pytest.mark.parametrize("more", [[], ["--results=x.csv", "--only=own"], ["--results=x.csv", "accuracy"]])
def test_flags_that_it_does_not_go_with_are_refused(more, capsys):
    assert main(["--compare", *more]) == 1
    assert "Expected --results=FILE with it" in capsys.readouterr().err


def test_it_needs_no_tensorflow(tmp_path, own):
    path = written(tmp_path / "results.csv", own)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'tf_keras', 'tensorflow_model_optimization']))\n"
        "from paper_figures.make import main\n"
        f"sys.exit(main(['--compare', '--results={path}', '--output_dir={tmp_path}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_paper_trained_on_all_of_cifar10():
    assert DATASETS["cifar10"].train_examples == 50_000
    assert paper_precisions("resnet20", "cifar10")[PAPER] == "float32"
    assert SHORT not in paper_precisions("resnet20", "cifar10")
