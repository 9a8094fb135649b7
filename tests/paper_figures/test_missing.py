import re
import subprocess
import sys
from pathlib import Path

from paper_figures import tables
from paper_figures.blocks import blocks
from paper_figures.missing import gaps
from tf_lottery import results
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.results_row import training_digest
from tf_lottery.networks.recipes import resolve

ROOT = Path(__file__).resolve().parents[2]


def test_each_missing_cell_is_in_a_command_and_nothing_else_is(row):
    real = {"network": "lenet_300_100", "dataset": "digits", "recipe": "lenet_digits", "schedule": "one_shot"}
    rows = [row("dense", trial=trial, **real | {"schedule": ""}) for trial in (1, 2)]
    for technique in ("fine_tune", "lr_rewind"):
        for density in (0.5, 0.2):
            for t in (10.0, 20.0):
                for trial in (1, 2):
                    if not (technique == "fine_tune" and density == 0.2 and t == 20.0):
                        rows.append(row(technique, density, trial, epochs=t, **real))
    (block,) = blocks(results.table(rows).assign(source="own"))
    (gap,) = gaps([block])
    assert (gap.technique, gap.networks, gap.densities, gap.retrain_epochs) == ("fine_tune", 2, (0.2,), (20.0,))
    assert "--strategy=fine_tune --density=0.2 --retrain_epochs=20 --trials=2 --seed=0" in gap.command


def test_a_technique_is_not_asked_for_the_retrain_epochs_of_another(row):
    rows = [row("dense"), row("weight_rewind", epochs=9.0), row("lr_rewind", epochs=10.0)]
    assert gaps(blocks(results.table(rows).assign(source="own"))) == []


def test_the_command_names_store_levels_and_digits_that_the_networks_had(row, tmp_path):
    (tmp_path / "store/stages").mkdir(parents=True)
    rows = [row("dense", trial=trial, seed=3) for trial in (1, 2)]
    levels = (0.8, 0.64, 0.5, 0.1073741824)
    rows += [row(density=density, trial=trial, seed=3) for density in levels for trial in (1, 2)][:-1]
    rows += [row(density=0.1073741824, trial=trial, seed=3, schedule="one_shot", epochs=t)
             for trial, t in ((1, 5.0), (2, 5.0), (1, 10.0))]  # fmt: skip
    results.table(rows).to_csv(tmp_path / "store/results.csv", index=False)
    one_shot, chain = gaps(blocks(tables.own([str(tmp_path / "store/results.csv")])[0]))[::-1]
    assert "--density=0.1073741824 --retrain_epochs=10 --trials=2 --seed=3" in one_shot.command
    assert "--density=0.8,0.64,0.5,0.1073741824 --retrain_epochs=10" in chain.command
    for gap in (one_shot, chain):
        assert gap.command.endswith(f"--output_dir={tmp_path}/store")
        assert "no such dataset or recipe" in gap.text


def test_a_recipe_that_flags_changed_is_told(row):
    def text(**flags):
        training = training_digest(resolve("lenet_digits", examples=DATASETS["digits"].train_examples, **flags))
        real = {"network": "lenet_300_100", "dataset": "digits", "recipe": "lenet_digits", "training": training}
        rows = [row("dense", trial=trial, **real) for trial in (1, 2)]
        rows += [row(density=density, trial=1, **real) for density in (0.8, 0.64)] + [row(trial=2, density=0.8, **real)]
        (gap,) = gaps(blocks(results.table(rows).assign(source="own")))
        return gap.text

    assert "not the recipe's" not in text(epochs=10)
    assert "add the --learning_rate, --batch_size or --precision" in text(epochs=10, learning_rate=0.01)


def test_the_command_is_one_that_plans_the_missing_networks(row, tmp_path):
    real = {"network": "lenet_300_100", "dataset": "digits", "recipe": "lenet_digits"}
    rows = [row("dense", trial=trial, **real) for trial in (1, 2)]
    rows += [row(density=density, trial=1, **real) for density in (0.8, 0.64)]
    rows += [row("fine_tune", density=density, trial=trial, **real) for density in (0.8, 0.64) for trial in (1, 2)]
    (gap,) = gaps(blocks(results.table(rows).assign(source="own")))
    assert (gap.technique, gap.networks) == ("lr_rewind", 2)
    arguments = gap.command.split()[2:]
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_experiment.py"), *arguments, "--dry_run", f"--output_dir={tmp_path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"trial_2/lr_rewind-iterative", done.stdout)) == 2
