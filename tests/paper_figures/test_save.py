"""Where figures are written: whole or not at all, and not over one another."""

import os
import resource
import statistics
from contextlib import contextmanager

import pytest

from paper_figures.accuracy import spread
from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.make import main
from paper_figures.save import FORMATS, save, save_figures, whole
from paper_figures.scene import scenes
from tf_lottery import results


@pytest.mark.parametrize("column", [{"seed": 1}, {"training": "tother"}], ids=["seeds", "epochs"])
def test_figures_of_two_trainings_of_a_store_are_two_files_in_whatever_order_they_are_drawn(row, tmp_path, column):
    one = [row("dense"), row(accuracy=0.8)]
    other = [row("dense", **column), row(accuracy=0.7, **column)]
    first, second, both = map(results.table, (one, other, one + other))
    (alone,) = save_figures(first, tmp_path, among=first)
    assert alone.name == "accuracy-data-net-iterative-global_magnitude.png"  # the store has no other
    picture = alone.read_bytes()
    (told,) = save_figures(second, tmp_path, among=both)
    (again,) = save_figures(first, tmp_path, among=both)
    assert len({alone, told, again}) == 3
    training, seed = (column.get(name, default) for name, default in (("training", "0"), ("seed", 0)))
    assert told.stem == f"{alone.stem}-{training}-seed_{seed}"
    assert alone.read_bytes() == picture
    assert told.read_bytes() != again.read_bytes()


def test_two_writers_of_one_file_have_a_place_each_and_what_fails_leaves_nothing(tmp_path):
    path = tmp_path / "a.csv"
    with whole(path) as one, whole(path) as other:
        assert one != other
        one.write_text("1")
        other.write_text("2")
    assert path.read_text() == "1"  # the last that was put in place

    def fail():
        with whole(path) as one:
            one.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_the_spread_of_dense_networks_is_their_standard_deviation_as_a_sample(small):
    small = small.copy()
    small.loc[small.technique == "dense", "test_accuracy"] = [0.90, 0.92, 0.97]
    (block,) = blocks(small.assign(source="own"))
    expected = 100 * statistics.stdev([0.90, 0.92, 0.97])
    assert spread(block) == pytest.approx(expected)
    (scene,) = scenes([block])
    numbers = small.assign(source="own", trials=3)
    assert f"grey: their standard deviation, {expected:.2f}." in scene.note(numbers)


@contextmanager
def files_up_to(size):
    """Let no file grow beyond so many bytes: what a full disk is to a program, for one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_cannot_be_written_to_the_end_leaves_the_file_as_it_was_and_is_named(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("before")
    with pytest.raises(OSError, match=r"File too large: .*page.html'") as met, files_up_to(1000), whole(path) as beside:
        beside.write_text("x" * 2000)
    assert met.value.filename == str(path)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    with whole(path) as beside:
        beside.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


def test_two_processes_of_one_number_as_in_containers_do_not_write_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with whole(tmp_path / "a") as one, whole(tmp_path / "a") as other:
        assert one != other
        one.touch()
        other.touch()


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_while_a_figure_is_written_leaves_nothing_half(tmp_path, small, name):
    (drawing, *_) = catalogue(scenes(blocks(small[small.technique != "novel"].assign(source="own"))))
    whole_file = save(drawing, tmp_path / "whole", [name])
    with pytest.raises(OSError, match=r"File too large") as met, files_up_to(whole_file.stat().st_size - 1):
        save(drawing, tmp_path / "full", [name])
    assert met.value.filename == str(tmp_path / "full" / whole_file.name)
    assert [path.name for path in (tmp_path / "full").iterdir()] == [f"{drawing.name}.csv"]


@pytest.mark.parametrize(
    ("size", "named"), [(100, ".csv"), (10_000, ".svg"), (None, "claims.csv"), (None, "index.html")]
)
def test_the_command_says_it_in_one_sentence_with_the_file(tmp_path, capsys, small, size, named):
    (tmp_path / "results.csv").write_text(results.to_csv(small[small.technique != "novel"]))
    folder = tmp_path / "figures"
    if size is None:
        (folder / named).mkdir(parents=True)
    with files_up_to(size or 10**9):
        status = main(["accuracy", f"--results={tmp_path}/results.csv", "--only=own", f"--output_dir={folder}"])
    (*_, last) = capsys.readouterr().err.splitlines()
    assert status == 1
    assert last.startswith(f"paper_figures: {folder}/")
    assert f"{named}: " in last
    assert ("A file size limit was reached (ulimit -f): raise it" in last) == (size is not None)
    assert not list(folder.glob(".*"))
