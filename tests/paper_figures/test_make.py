"""The command, as a user types it."""

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from paper_figures.catalogue import catalogue
from paper_figures.families import PUBLISHED
from paper_figures.scene import scenes
from paper_figures.select import COLUMNS
from tf_lottery import results

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "docs/results/fashion_mnist_lenet.csv"


def run(*arguments, status=0, command=("-m", "paper_figures"), cwd=ROOT):
    done = subprocess.run(
        [sys.executable, *command, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def drawings(found):
    return catalogue(scenes(found))


def test_every_family_is_drawn_for_the_published_networks(drawings):
    assert {drawing.family for drawing in drawings} == set(PUBLISHED)
    unstructured = {"accuracy", "fixed", "epochs", "gain"}
    for network in ("resnet20", "resnet50", "resnet56"):
        kinds = {(d.family, d.scenes[0].front.schedule) for d in drawings if network in d.networks}
        assert {(family, schedule) for family in unstructured for schedule in ("one_shot", "iterative")} <= kinds
        assert {"algorithm", "flops", "flops_ratio", "search_cost"} <= {family for family, _ in kinds}
    assert len({drawing.name for drawing in drawings}) == len(drawings)


def test_every_drawing_has_numbers_of_one_schema_a_caption_and_an_alternative(drawings):
    for drawing in drawings:
        assert tuple(drawing.csv.columns[:9]) == COLUMNS
        assert drawing.csv.value.notna().all()
        assert (drawing.csv.low.dropna() <= drawing.csv.value[drawing.csv.low.notna()] + 1e-9).all()
        assert "\n" not in drawing.caption
        assert len(drawing.alt) > len(drawing.caption)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_says_so_and_leaves_whole_files_only(tmp_path, number):
    command = [sys.executable, "-m", "paper_figures", "--output_dir", str(tmp_path), "resnet56"]
    heed = partial(signal.signal, number, signal.SIG_DFL)  # what runs the tests may ignore it
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=heed, start_new_session=True, **pipes) as process:
        first = process.stdout.readline()
        os.killpg(process.pid, number)  # as a terminal does: the processes that draw get it too
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors.startswith("paper_figures: interrupted.")
    assert errors.count("\n") == 1
    assert Path(first.strip()).is_file()
    assert not list(tmp_path.glob(".*"))
    for image in tmp_path.glob("*.png"):
        assert image.read_bytes().endswith(b"IEND\xaeB`\x82")


def test_formats_are_chosen_and_the_page_links_what_is_there(tmp_path):
    out, _ = run("no_loss", "--formats=wide-png", f"--output_dir={tmp_path}")
    assert out.splitlines()[0] == str(tmp_path / "no_loss.svg")
    files = {"no_loss.svg", "no_loss-wide.png", "no_loss.csv"}
    assert {path.name for path in tmp_path.iterdir()} == {*files, "index.html", "claims.csv"}
    assert set(re.findall(r'"(no_loss[^"]*\.\w+)"', (tmp_path / "index.html").read_text())) == files
    _, errors = run("--formats=wide", status=1)
    assert "unknown format 'wide'" in errors


def test_the_list_names_figures_their_number_and_what_they_need_without_tensorflow():
    code = (
        "import sys; from paper_figures.make import main; main(['--list'])\n"
        "assert not {'tensorflow', 'tf_keras', 'matplotlib.pyplot'} & sys.modules.keys()"
    )
    out, _ = run(command=("-c", code))
    assert "accuracy-cifar10-resnet20-iterative-global_magnitude" in out
    assert "Figure 2; ResNet-56 on CIFAR-10" in out
    assert "appendix; ResNet-20 on CIFAR-10" in out
    assert "Needs FLOPs of dense and pruned networks" in out


@pytest.mark.parametrize("command", [("-m", "paper_figures"), ("paper_figures/make.py",)])
def test_names_families_and_networks_select(command, tmp_path):
    run("no_loss", f"--output_dir={tmp_path}", command=command)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"no_loss.{ending}" for ending in ("svg", "png", "pdf", "csv")),
        *("no_loss-wide.svg", "no_loss-wide.png", "index.html", "claims.csv"),
    }  # fmt: skip
    pdf = (tmp_path / "no_loss.pdf").read_bytes()
    assert pdf.count(b"/FontFile2") >= 2  # TrueType, the regular and the bold face; publishers refuse Type 3
    assert b"/Type3" not in pdf
    out, _ = run("--list", "algorithm", command=command)
    assert out.count("\n  ") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["algorithmm"], "Did you mean 'algorithm'"),
        (["--reslts=x"], "Did you mean '--results'"),
        (["--results=none.csv"], "none.csv: no such file"),
        (["--published=none"], "none: No such file"),
        (["--over=resnet21"], "Did you mean 'resnet20'"),
        (["flops", f"--results={OWN}", "--only=nobody"], "invalid choice: 'nobody'"),
        (["structured", f"--results={OWN}", "--only=own"], "of the family 'structured': it needs heuristics"),
        (["--only=own"], "no results to draw"),
        (["--results="], "argument --results: it is empty; expected a path"),
    ],
)
def test_what_cannot_be_is_said_in_one_message(arguments, message, tmp_path):
    _, err = run(
        *arguments,
        f"--output_dir={tmp_path / 'x'}",
        status=2 if message.startswith(("inv", "arg", "Did you mean '--")) else 1,
    )
    assert message in err
    assert not (tmp_path / "x").exists()


def test_own_results_lie_over_the_published_ones(tmp_path, published):
    mine = published[(published.network == "resnet20") & (published.schedule != "one_shot")].drop(columns="source")
    mine = mine.assign(test_accuracy=mine.test_accuracy - 0.001 * (mine.technique != "dense"), training="1", seed=0)
    results_file = tmp_path / "results.csv"
    results_file.write_text(results.to_csv(mine))
    name = "accuracy-cifar10-resnet20-iterative-global_magnitude"
    run(f"--results={tmp_path}/*.csv", f"--output_dir={tmp_path / 'figures'}", name)
    drawn = pd.read_csv(tmp_path / f"figures/{name}.csv").pivot(
        index=["technique", "density"], columns="source", values="value"
    )
    assert len(drawn) == 30
    assert (drawn.published - drawn.own).to_numpy() == pytest.approx(0.1)
    claims = pd.read_csv(tmp_path / "figures/claims.csv")
    assert set(claims.source) == {"own", "published"}


def test_other_networks_get_the_same_figures_and_lie_over_a_published_network_when_asked(tmp_path):
    figure = "accuracy-fashion_mnist-lenet_300_100-iterative-global_magnitude"
    run(f"--results={OWN}", "--only=own", figure, f"--output_dir={tmp_path}")
    name = f"{figure}.csv"
    alone = pd.read_csv(tmp_path / name)
    assert tuple(alone.columns) == COLUMNS
    run(f"--results={OWN}", "--over=resnet20", figure, f"--output_dir={tmp_path}")
    over = pd.read_csv(tmp_path / name)
    assert dict(over.groupby("source").network.unique().map(list)) == {
        "own": ["lenet_300_100"],
        "published": ["resnet20"],
    }
    assert over[over.source == "own"].value.tolist() == alone.value.tolist()
