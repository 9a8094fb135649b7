"""What is installed, what is shipped as source, and what the public names look like from outside."""

import ast
import configparser
import inspect
import os
import pydoc
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import tf_lottery as tl

ROOT = Path(__file__).resolve().parents[1]
# The order in which people look: what it is, what it needs, how to work on it.
AT_THE_TOP = {
    "README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "MANIFEST.in", "Makefile",
    "setup.cfg", "setup.py", "pyproject.toml", "mkdocs.yml", "run_experiment.py", ".gitignore",
    ".ci", "benchmarks", "docs", "flags", "paper_figures", "tests", "tf_lottery",
}  # fmt: skip
BINARY = {"docs/images/*.png", "docs/gallery/*.png", "docs/results/*.png", "paper_figures/reference/published.csv.gz"}


@pytest.fixture(scope="module")
def tracked():
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode or not found.stdout:
        pytest.skip("no git repository: what belongs to it is not known")
    return [Path(line) for line in found.stdout.splitlines() if (ROOT / line).exists()]


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory):
    """A folder with what a wheel installs; building one needs no network this way."""
    folder = tmp_path_factory.mktemp("wheel") / "lib"
    setup("build_py", "--build-lib", folder)
    return folder


def setup(*arguments):
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def installed(site_packages, tmp_path):
    """Run something as after `pip install`, far from the clone; the console scripts are on the path."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    points = configparser.ConfigParser()
    points.read(ROOT / "setup.cfg")
    for row in points["options.entry_points"]["console_scripts"].split("\n"):
        if row:
            name, module, function = re.fullmatch(r"(\w+) = ([\w.]+):(\w+)", row).groups()
            start = f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n"
            (scripts / name).write_text(f"#!{sys.executable}\n{start}")
            (scripts / name).chmod(0o755)
    return started(tmp_path, scripts, PYTHONPATH=str(site_packages))


@pytest.fixture
def cloned():
    return started(ROOT)


def started(folder, *paths, **environment):
    paths = [*map(str, paths), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(paths)} | environment

    def run(command, status=0):
        done = subprocess.run(
            shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_one_name_is_installed_and_all_code_flagfiles_and_data_are_in_it(site_packages):
    assert [path.name for path in site_packages.iterdir()] == ["tf_lottery"]
    expected = files_of(ROOT / "tf_lottery")
    for inside in ("paper_figures", "flags"):
        expected |= {f"{inside}/{name}": content for name, content in files_of(ROOT / inside).items()}
    found = files_of(site_packages / "tf_lottery")
    assert found.keys() == expected.keys()
    assert found == expected
    assert {"py.typed", "flags/quickstart.flags", "paper_figures/reference/published.csv.gz"} <= found.keys()


def test_the_source_distribution_has_all_that_the_repository_has(tracked, tmp_path):
    setup("egg_info", "--egg-base", tmp_path)
    shipped = set((tmp_path / "tf_lottery.egg-info/SOURCES.txt").read_text().splitlines())
    assert set(map(str, tracked)) <= shipped
    assert not [name for name in shipped if "__pycache__" in name or name.startswith((".venv", "runs/"))]


@pytest.mark.parametrize("spelling", ["quickstart", "quickstart.flags", "flags/quickstart.flags"])
def test_a_flagfile_that_ships_goes_by_its_name_from_any_folder(installed, cloned, spelling):
    for run in (installed, cloned):
        assert "39 stages, 0 done" in run(f"python -m tf_lottery --flagfile={spelling} --output_dir=x --dry_run")
    assert "Did you mean 'quickstart'?" in installed("tf_lottery --flagfile=quikstart", status=2)


def test_the_version_is_one_everywhere(installed):
    told = f"tf_lottery {tl.__version__}\n"
    assert installed("tf_lottery --version") == installed("tf_lottery_figures --version") == told
    assert f"\nversion: {tl.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {tl.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("where", "figures", "program"),
    [
        ("installed", "tf_lottery_figures", "tf_lottery"),
        ("installed", "python -m tf_lottery.paper_figures", "python -m tf_lottery"),
        ("cloned", "python -m paper_figures", "python run_experiment.py"),
    ],
)
def test_a_command_that_is_printed_as_a_cure_is_one_that_its_reader_has(where, figures, program, request, tmp_path):
    run = request.getfixturevalue(where)
    table = pd.read_csv(ROOT / "docs/results/fashion_mnist_lenet.csv")
    gone = (table.technique == "lr_rewind") & (table.schedule == "iterative") & (table.trial == 2)
    table[~gone].to_csv(tmp_path / "results.csv", index=False)
    out = run(f"{figures} --results={tmp_path}/results.csv --only=own --formats=svg --output_dir={tmp_path}/o no_loss")
    (cure,) = re.findall(r"^missing: .*\n +(.*)", out, re.MULTILINE)
    assert cure.startswith(f"{program} --")
    assert "lr_rewind" in run(f"{cure} --dry_run --output_dir={tmp_path}/none")
    assert f"\n{program} --strategy" in run(f"{program} --help")
    name = "run_experiment" if where == "cloned" else "tf_lottery"
    assert run(f"{program} --nothing", status=2).startswith(f"{name}: ")


def test_a_run_draws_with_its_own_figures_whatever_else_has_that_name(installed, cloned, tmp_path):
    ask = "python -c 'from tf_lottery.command.figures import save_figures; print(save_figures.__module__)'"
    assert cloned(ask) == "paper_figures.save\n"
    (tmp_path / "paper_figures").mkdir()
    (tmp_path / "paper_figures/__init__.py").write_text("raise ImportError('a stranger')")
    assert installed(ask) == "tf_lottery.paper_figures.save\n"


def test_no_code_that_is_installed_asks_for_a_name_that_is_not():
    for path in (*(ROOT / "paper_figures").rglob("*.py"), *(ROOT / "tf_lottery").rglob("*.py")):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        absolute = {node.module.split(".")[0] for node in imports if not node.level}
        assert path.relative_to(ROOT) == Path("tf_lottery/command/figures.py") or "paper_figures" not in absolute, path


def test_the_root_has_what_belongs_there_and_no_binaries_are_tracked_but_pictures_and_the_published_table(tracked):
    assert {path.parts[0] for path in tracked} <= AT_THE_TOP
    for path in tracked:
        if b"\0" in (ROOT / path).read_bytes():
            assert any(path.match(pattern) for pattern in BINARY), f"{path}: binary"
        assert path.suffix not in {".pkl", ".pickle", ".pyc", ".so", ".h5", ".keras", ".npz", ".zip", ".whl"}, path
    assert not (ROOT / "evil2.pkl").exists()


def test_the_package_page_has_no_link_that_leads_nowhere():
    page = runpy.run_path(str(ROOT / "setup.py"), run_name="imported")["package_page"]
    readme = (ROOT / "README.md").read_text()
    relative = re.findall(r"(!?)\[[^\]]*\]\((?!https?:|#)([^)]+)\)", readme)
    assert {picture for picture, _ in relative} == {"", "!"}
    assert not re.findall(r"\]\((?!https?:|#)", page(readme, ""))
    assert "![" not in page(readme, "")
    public = page(readme, "https://example.org/us")
    assert not re.findall(r"\]\((?!https?:|#)", public)
    for picture, target in relative:
        assert f"](https://example.org/us/{'raw' if picture else 'blob'}/main/{target})" in public


def test_the_repositorys_address_has_one_place(tmp_path):
    source = runpy.run_path(str(ROOT / "setup.py"), run_name="imported")["source"]
    cfg, citation = (ROOT / "setup.cfg").read_text(), (ROOT / "CITATION.cff").read_text()
    (tmp_path / "setup.cfg").write_text(
        cfg.replace("project_urls =", "project_urls =\n    Source = https://example.org/us/")
    )
    assert source(tmp_path / "setup.cfg") == "https://example.org/us"
    assert source() == (re.search(r"^ +Source = (.*?)/?$", cfg, re.MULTILINE) or ["", ""])[1]
    assert re.findall(r"^repository-code: (.*)", citation, re.MULTILINE) == ([source()] if source() else [])


def test_public_names_are_seen_by_dir_help_star_imports_and_getmembers():
    assert set(tl.__all__) <= set(dir(tl))
    assert {name for name in dir(tl) if not name.startswith("__")} == {*tl.__all__, "keras"}
    members = dict(inspect.getmembers(tl))
    star = {}
    exec("from tf_lottery import *", star)
    help_text = pydoc.render_doc(tl, renderer=pydoc.plaintext)
    for name in tl.__all__:
        assert members[name] is star[name] is getattr(tl, name)
        assert inspect.getdoc(members[name]).splitlines()[0] in help_text
    assert star.keys() == {*tl.__all__, "__builtins__"}


def test_public_names_are_seen_by_tools_that_run_nothing():
    """As type checkers, editors and documentation tools read them."""
    tree = ast.parse((ROOT / "tf_lottery/__init__.py").read_text())
    (checking,) = (node for node in tree.body if isinstance(node, ast.If) and node.test.id == "TYPE_CHECKING")
    imported = {alias.name: node.module for node in checking.body for alias in node.names}
    assert imported.keys() == set(tl.__all__)
    for name, module in imported.items():
        assert getattr(tl, name).__module__ == module


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("mypy", path=Path(sys.executable).parent), reason="no mypy: pip install -e '.[lint]'"
)
def test_the_types_of_public_names_are_known_to_whoever_imports_them(site_packages, tmp_path):
    (tmp_path / "mine.py").write_text("import tf_lottery as tl\nkept: str = tl.density(object())\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports", "mine.py"],
        cwd=tmp_path, env=os.environ | {"MYPYPATH": str(site_packages)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 'expression has type "float", variable has type "str"' in done.stdout
