"""What the command hands on, and where it says what: without training anything."""

import pytest
from absl.testing import flagsaver

from tf_lottery.command import main as command
from tf_lottery.command.flags import parse
from tf_lottery.datasets.dataset import MissingDataError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("own_temporary_folder", "end_at_once_in_long_calls", "unwind"):  # those change this process
        monkeypatch.setattr(command, name, lambda *_: None)


def run(*flags):
    with flagsaver.flagsaver():
        return command.main(parse(["run", "--trials=1", *flags]))


@pytest.mark.parametrize(
    ("flags", "expected"), [([], (None, False)), (["--download", "--data_dir=here"], ("here", True))]
)
def test_data_are_looked_for_where_flags_say_and_downloaded_only_if_they_do(monkeypatch, capsys, flags, expected):
    asked = []

    def find(dataset, *, data_dir, download=False):
        asked.append((dataset, data_dir and str(data_dir), download))
        raise MissingDataError("none there")

    monkeypatch.setattr(command, "find_dataset", find)
    assert run(*flags) == 1
    assert asked == [("digits", *expected)]
    assert "none there" in capsys.readouterr().err


def test_what_will_be_trained_is_said_on_stderr_for_stdout_is_the_table(monkeypatch, capsys):
    monkeypatch.setitem(command.EXECUTORS, "inline", lambda stages, *_: {stage.name: {} for stage in stages})
    monkeypatch.setattr(command, "report", lambda stages, results, *_: print("the table") or len(results))
    assert run("--strategy=fine_tune", "--schedule=one_shot", "--density=0.5", "--retrain_epochs=5") == 2
    said = capsys.readouterr()
    assert said.out == "the table\n"
    assert said.err.startswith("2 stages; 35 epochs to train, about ")
