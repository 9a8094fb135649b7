"""Commands as messages print them: ones that the reader has, ready for the shell and folder that the reader is in."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tf_lottery import command_names

CLONE = Path(__file__).resolve().parents[1]


@pytest.fixture
def started(monkeypatch):
    """Say by which script this process was started."""
    return lambda script: monkeypatch.setattr(sys, "argv", [str(script)])


def test_in_the_clone_they_are_the_script_and_the_module_that_lie_there(monkeypatch, started):
    started("run_experiment.py")
    monkeypatch.chdir(CLONE)
    assert command_names.experiment() == "python run_experiment.py"
    assert Path("run_experiment.py").is_file()
    assert command_names.figures() == "python -m paper_figures"
    assert find_spec("paper_figures")
    assert command_names.program() == "run_experiment"


def test_from_another_folder_the_script_is_named_with_its_path(monkeypatch, started, tmp_path):
    started(CLONE / "run_experiment.py")
    monkeypatch.chdir(tmp_path)
    python, script = shlex.split(command_names.experiment())
    assert (python, Path(script)) == ("python", CLONE / "run_experiment.py")
    assert command_names.figures() == "python -m tf_lottery.paper_figures"  # paper_figures is not found from here


@pytest.mark.parametrize("by", ["tf_lottery", "tf_lottery_figures"])
def test_installed_they_are_the_scripts_by_name_where_the_shell_finds_them_and_else_by_path(
    monkeypatch, started, tmp_path, by
):
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    for name in ("tf_lottery", "tf_lottery_figures"):
        (folder / name).touch(mode=0o755)
    started(folder / by)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(command_names.experiment()) == [str(folder / "tf_lottery")]
    assert shlex.split(command_names.figures()) == [str(folder / "tf_lottery_figures")]
    monkeypatch.setenv("PATH", str(folder))
    assert command_names.experiment() == "tf_lottery"
    assert command_names.figures() == "tf_lottery_figures"
    assert command_names.program() == "tf_lottery"
