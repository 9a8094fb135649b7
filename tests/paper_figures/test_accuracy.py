import subprocess
import sys

import pandas as pd
import pytest

from paper_figures.accuracy import accuracy_figure, accuracy_numbers
from paper_figures.look import LOOK
from paper_figures.save import save_figures
from tf_lottery import results
from tf_lottery.rewinding.techniques import TECHNIQUES


@pytest.fixture
def table():
    rows = []
    for trial in (1, 2, 3):
        for technique, densities in (
            ("dense", [1.0]),
            ("lr_rewind", [0.8, 0.1]),
            ("fine_tune", [0.8, 0.1]),
            ("novel", [0.8]),
        ):
            for density in densities:
                pruned = technique != "dense"
                rows.append(
                    {
                        "status": "done", "network": "net", "dataset": "data", "technique": technique,
                        "density": density,
                        "heuristic": "global_magnitude" if pruned else "", "schedule": "iterative" if pruned else "",
                        "retrain_epochs": 10.0 * pruned, "trial": trial, "training": "0", "seed": 0,
                        "test_accuracy": 0.9 + trial / 100 - (1 - density) / 10, "validation_accuracy": 0.9,
                    }
                )  # fmt: skip
    return results.table(rows)


def test_the_numbers_are_median_and_range_of_the_change(table):
    numbers = accuracy_numbers(table)
    line = numbers[(numbers.technique == "lr_rewind") & (numbers.density == 0.1)].iloc[0]
    # The dense mean is 0.92; the three trials at density 0.1 are 0.82, 0.83 and 0.84.
    assert (line["min"], line["median"], line["max"]) == pytest.approx((-10.0, -9.0, -8.0))
    assert line.compression_ratio == pytest.approx(10)
    assert line.trials == 3


def test_the_figure_draws_every_technique_in_its_colour_with_its_name(table):
    axes = accuracy_figure(accuracy_numbers(table), "title").axes[0]
    drawn = {line.get_color(): len(line.get_xdata()) for line in axes.lines[1:]}
    assert drawn == {LOOK["lr_rewind"][0]: 2, LOOK["fine_tune"][0]: 2, "#666666": 1}
    assert {text.get_text() for text in axes.texts} == {"learning rate rewinding", "fine-tuning", "novel"}
    assert axes.get_xscale() == "log"
    assert "[pp]" in axes.get_ylabel()


def test_every_technique_has_a_look_of_its_own():
    assert LOOK.keys() == TECHNIQUES.keys()
    assert len({colour for colour, _ in LOOK.values()}) == len({marker for _, marker in LOOK.values()}) == len(LOOK)


def test_saving_writes_png_svg_and_csv_and_the_same_bytes_again(table, tmp_path):
    paths = save_figures(table, tmp_path / "one")
    assert [path.name for path in paths] == ["accuracy-data-net-iterative-global_magnitude.png"]
    save_figures(table, tmp_path / "two")
    for ending in ("png", "svg", "csv"):
        one, two = (next((tmp_path / folder).glob(f"*.{ending}")).read_bytes() for folder in ("one", "two"))
        assert one == two
    assert len(pd.read_csv(paths[0].with_suffix(".csv"))) == 5


def test_figures_are_drawn_from_a_table_without_tensorflow(table, tmp_path):
    (tmp_path / "results.csv").write_text(results.to_csv(table))
    code = (
        "import sys; from paper_figures.__main__ import main\n"
        f"status = main([{str(tmp_path / 'results.csv')!r}, {str(tmp_path / 'figures')!r}])\n"
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("accuracy-data-net-iterative-global_magnitude.png")
    wrong = subprocess.run(
        [sys.executable, "-m", "paper_figures", "none.csv", "x"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 1
    assert "none.csv" in wrong.stderr
    assert "Traceback" not in wrong.stderr
