"""The tutorials and the notebook of docs/ are run as they stand, as after `pip install`, and print what they say."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Runs a page's blocks in one interpreter, and gives what each one printed.
RUN = """
import contextlib, io, json, subprocess, sys
printed, names = [], {"__name__": "tutorial"}
for language, code in json.load(sys.stdin):
    if language == "bash":
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    else:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(code, "tutorial", "exec"), names)
        printed.append(out.getvalue())
json.dump(printed, open("printed.json", "w"))
"""
THOUSANDS = re.compile(r"\b\d+,[\d,]+\b")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of somebody who installed the package, with its commands on the path."""
    folder = tmp_path_factory.mktemp("tutorials")
    subprocess.run([sys.executable, "setup.py", "-q", "build_py", "--build-lib", folder / "lib"], cwd=ROOT, check=True)
    (folder / "bin").mkdir()
    for name, module in (("tf_lottery", "tf_lottery"), ("tf_lottery_figures", "tf_lottery.paper_figures")):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    (folder / "work").mkdir()
    paths = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return folder / "work", os.environ | {"PYTHONPATH": str(folder / "lib"), "PATH": paths}


def run(page, installed):
    """Run the page; return what its blocks printed where the page shows that, and what it shows."""
    text = (ROOT / "docs/tutorials" / page).read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    after = list(pairs(blocks, iter(run_blocks([block for block in blocks if block[0] != "text"], installed))))
    assert after
    return after


def run_blocks(code, installed):
    """Run pairs of language and code in one interpreter; return what each printed."""
    folder, environment = installed
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=environment,
        input=json.dumps(code),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "printed.json").read_text())


def pairs(blocks, printed):
    last = ""
    for language, block in blocks:
        if language == "text":
            yield last, block
        else:
            last = next(printed)


def words(text):
    return " ".join(THOUSANDS.sub("", text).split())


def assert_alike(printed, shown):
    """Words and counts are equal; fractions, whose last digits another processor changes, are within 10%, or 0.05."""
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    for one, other in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert float(one) == (pytest.approx(float(other), rel=0.1, abs=0.05) if "." in other else int(other))


def test_the_tutorial_on_ones_own_model_prints_what_it_says(installed):
    for printed, shown in run("own_model.md", installed):
        assert_alike(printed, shown)
    assert (installed[0] / "small.keras").is_file()


def test_the_notebook_prints_what_it_keeps_and_is_small(installed):
    notebook = ROOT / "docs/tutorial.ipynb"
    assert notebook.stat().st_size < 200_000
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    printed = run_blocks([("python", "".join(cell["source"])) for cell in cells], installed)
    kept = ["".join(line for out in cell["outputs"] for line in out.get("text", [])) for cell in cells]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for one, other in zip(printed, kept, strict=True):
        # Thousands have commas, and are of files, whose sizes the last digits of weights change.
        counts = [[int(number.replace(",", "")) for number in THOUSANDS.findall(text)] for text in (one, other)]
        assert counts[0] == pytest.approx(counts[1], rel=0.1)
        assert_alike(words(one), words(other))
    pictures = [out["data"]["image/png"] for cell in cells for out in cell["outputs"] if "data" in out]
    assert [base64.b64decode(picture)[:4] for picture in pictures] == [b"\x89PNG"]


def test_the_tutorials_on_the_store_and_its_figures_print_what_they_say(installed):
    for printed, shown in run("store.md", installed):
        assert_alike(printed, shown)
    for printed, shown in run("figures.md", installed):
        assert printed == shown
    folder = installed[0]
    assert (folder / "mine.svg").read_text().startswith("<?xml")
    (drawn,) = (folder / "figures/tutorial").glob("accuracy-*.svg")
    assert "lenet_300_100_x0.1" in drawn.name
