"""What the documents say exists, and the flagfiles plan what they say."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pandas as pd
import pytest

from paper_figures import reference
from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.families import FAMILIES
from paper_figures.scene import scenes
from tf_lottery import results
from tf_lottery.results import COLUMNS


@pytest.fixture(scope="session")
def documents(tools):
    paths = [tools.root / "README.md", tools.root / "CONTRIBUTING.md", *(tools.root / "docs").glob("**/*.md")]
    return {path: path.read_text() for path in paths}


def test_every_path_and_link_in_the_documents_exists(tools, documents):
    for path, text in documents.items():
        named = re.findall(r"`((?:tf_lottery|paper_figures|benchmarks|tests|flags|docs)/[\w/.]*)`", text)
        assert named or path.name != "architecture.md"
        for name in named:
            assert (tools.root / name).exists(), f"{path.name}: {name}"
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_architecture_names_every_folder_of_the_library(tools, documents):
    text = documents[tools.root / "docs/architecture.md"]
    for folder in (tools.root / "tf_lottery").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"tf_lottery/{folder.name}/" in text


def test_every_flag_in_the_documents_is_one(tools, documents):
    defined = re.findall(
        r"^flags\.DEFINE_\w+\(\s*\"(\w+)\"", (tools.root / "tf_lottery/command/flags.py").read_text(), re.MULTILINE
    )
    figures = "".join((tools.root / f"paper_figures/{name}.py").read_text() for name in ("make", "store_command"))
    more = "".join((tools.root / path).read_text() for path in ("benchmarks/__main__.py", "tf_lottery/analyse.py"))
    others = re.findall(r"add_argument\(\s*\"--(\w+)\"", figures + more)
    known = {*defined, *others, "help", "flagfile"}
    for path, text in documents.items():
        for line in text.splitlines():
            if "tensorboard" not in line and "pip" not in line:
                assert set(re.findall(r"(?<![\w-])--(\w+)", line)) <= known, f"{path.name}: {line}"


def test_the_quickstarts_table_is_that_of_its_results_and_says_what_its_flagfile_promises(tools):
    ours = results.read(tools.root / "docs/results/quickstart.csv")
    shown = textwrap.indent(results.summary(ours).to_string(index=False), "    ")
    assert shown in (tools.root / "docs/results/README.md").read_text()
    dense = 100 * ours[ours.technique == "dense"].test_accuracy.mean()
    lost = {
        name: f"{dense - 100 * rows.test_accuracy.median():.1f}"
        for name, rows in ours[ours.density == 0.02].groupby("technique")
    }
    assert lost == {"fine_tune": "5.8", "lr_rewind": "1.6", "weight_rewind": "1.6"}
    assert "fine-tuning loses 5.8 points, rewinding 1.6" in (tools.root / "flags/quickstart.flags").read_text()


@pytest.fixture(scope="session")
def dry_runs(tmp_path_factory, tools):
    run = tools.Runner(tmp_path_factory.mktemp("dry_runs"))
    files = sorted((tools.root / "flags").glob("*.flags"))
    return {file: run(f"--flagfile=flags/{file.name}", "--dry_run", tensorflow=False)[0] for file in files}


def test_every_flagfile_opens_with_what_it_is_and_plans_its_stages(dry_runs):
    assert {"quickstart.flags", "fashion_mnist_lenet.flags"} <= {file.name for file in dry_runs}
    for file, out in dry_runs.items():
        assert file.read_text().startswith("# ")
        stages, epochs = re.search(r"(\d+) stages, 0 done; ([\d.]+) epochs", out).groups()
        assert f"{stages} stages, {round(float(epochs)):,} epochs" in file.read_text()


def test_the_page_of_flags_is_what_the_flags_say(tools, tmp_path):
    for name in ("flags_page.py", "flags.md"):
        shutil.copy(tools.root / "docs" / name, tmp_path)
    now = (tmp_path / "flags.md").read_text()
    (tmp_path / "flags.md").unlink()
    environment = os.environ | {"PYTHONPATH": str(tools.root)}
    subprocess.run([sys.executable, tmp_path / "flags_page.py"], env=environment, check=True)
    assert (tmp_path / "flags.md").read_text() == now, "docs/flags.md is not current: make pages"


@pytest.mark.parametrize("size", ["digits", "paper"])
def test_every_family_of_figures_has_a_small_flagfile_and_one_of_the_papers_grid(dry_runs, size):
    """As if every planned network had been trained, with one accuracy for all."""
    tables = [planned(out, file) for file, out in dry_runs.items() if file.name.startswith(f"{size}_")]
    drawings = catalogue(scenes(blocks(pd.concat(tables, ignore_index=True).drop_duplicates("stage"))))
    assert {drawing.family for drawing in drawings} == FAMILIES.keys()


@pytest.mark.parametrize("network", ["resnet20", "resnet56"])
@pytest.mark.parametrize("schedule", ["one_shot", "iterative"])
def test_the_papers_grids_have_the_published_densities_and_retrain_epochs(dry_runs, network, schedule):
    ((file, out),) = (run for run in dry_runs.items() if run[0].name == f"paper_{network}_{schedule}.flags")
    ours, theirs = planned(out, file), reference.table()
    theirs = theirs[(theirs.network == network) & (theirs.schedule == schedule)]
    theirs = theirs[theirs.heuristic == "global_magnitude"]
    ours = ours[ours.technique != "dense"]
    for column in ("technique", "retrain_epochs", "trial"):
        assert set(ours[column]) == set(theirs[column])
    assert set(ours.density) == set(theirs.density.round(4))
    assert len(ours) == len(theirs)


def planned(dry_run, file):
    rows, falls = [], re.search(r"--lr_schedule=(\w+)", file.read_text())
    training = falls[1] if falls else "one"  # stands for the recipe too: trainings are told apart by how rates fall
    stage = r"^to do +([\d.]+) epochs  (\w+)/([\w.]+)/trial_(\d+)/(\S+)-\w{8}$"
    for epochs, dataset, network, trial, name in re.findall(stage, dry_run, re.MULTILINE):
        row = {"network": network, "dataset": dataset, "trial": float(trial), "epochs": float(epochs), "stage": name}
        row |= {"technique": "dense", "heuristic": "", "schedule": "", "density": 1.0, "retrain_epochs": 0.0}
        row |= {
            "test_accuracy": 0.9,
            "validation_accuracy": 0.9,
            "flops": 2e3,
            "dense_flops": 2e3,
            "training": training,
        }
        row |= {"recipe": training, "start_test_accuracy": 0.5}
        if name != "dense":
            pruned = r"(?P<technique>\w+)-(?P<schedule>\w+)-(?P<heuristic>\w+)-t(?P<t>[\d.]+)-density_(?P<density>.+)"
            row |= re.fullmatch(pruned, name).groupdict()
            row |= {"density": float(row["density"]), "retrain_epochs": float(row.pop("t")), "flops": 1e3}
        rows.append(row | {"stage": f"{dataset}/{network}/{trial}/{name} {training}"})
    return pd.DataFrame(rows).reindex(columns=[*COLUMNS, "start_test_accuracy"]).assign(source="own", seed=0.0)


@pytest.fixture(scope="session")
def readme(tools):
    return (tools.root / "README.md").read_text()


def test_the_readmes_python_runs_as_it_stands_and_prints_what_it_says(readme, tmp_path):
    code, shown = re.search(r"```python\n(.*?)```\n+```text\n(.*?)```", readme, re.DOTALL).groups()
    assert max(map(len, code.splitlines())) < 79
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    # Words are equal; numbers, whose last digits another processor changes, within 10%, but for times and roundings.
    number = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")
    assert number.sub("#", done.stdout).split() == number.sub("#", shown).split()
    both = [
        [
            float(text.replace(",", ""))
            for line in printed.splitlines()
            if not line.startswith(("ms for one example", "predictions of both differ"))
            for text in number.findall(line)
        ]
        for printed in (done.stdout, shown)
    ]
    assert both[0] == pytest.approx(both[1], rel=0.1, abs=0.05)
    before, after = map(float, re.search(r"ms for one example +(\S+) +(\S+)", done.stdout).groups())
    assert min(before, after) > 0
    assert (tmp_path / "small.tflite").exists()


def test_the_readmes_table_is_the_quickstarts(tools, readme):
    ours = results.read(tools.root / "docs/results/quickstart.csv")
    assert textwrap.indent(results.summary(ours).to_string(index=False), "    ") in readme


def test_the_readmes_citation_is_that_of_the_citation_file(tools, readme):
    cited = dict(re.findall(r"^(\w+): (.+)$", (tools.root / "CITATION.cff").read_text(), re.MULTILINE))
    assert f"version = {{{cited['version']}}}" in readme
    assert f"license = {{{cited['license']}}}" in readme
