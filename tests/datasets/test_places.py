"""Homes that are not there or not open."""

import os
import pwd
from contextlib import contextmanager

import pytest

from tf_lottery.datasets.places import VARIABLE, places
from tf_lottery.home import expanded, home


@pytest.fixture
def nobody(monkeypatch):
    """Be a process without $HOME whose user has no entry: `docker run --user 12345`."""

    def unknown(_):
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


def test_without_a_home_the_shared_places_and_those_given_are_left(nobody, monkeypatch, tmp_path):
    assert home() is None
    assert {str(place) for place in places(None)} == {"/usr/share/datasets", "/usr/local/share/datasets"}
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert places("data")[:2] == (expanded("data"), tmp_path)
    for given in ("~/data", "~nobody_of_this_name/data"):
        with pytest.raises(
            ValueError, match=r"that home folder is not known. Expected a path without ~, or \$HOME set"
        ):
            places(given)


def test_a_home_that_may_not_be_searched_is_left_out_but_a_folder_that_was_given_stays(monkeypatch, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("HOME", str(closed))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    with as_nobody(tmp_path):
        found = places(str(closed))
    assert found[0] == closed
    assert closed not in [parent for place in found[1:] for parent in place.parents]


@contextmanager
def as_nobody(folder):
    """Be somebody to whom a folder can be closed, as it cannot to root; pytest's own are closed to all but root."""
    if os.geteuid():
        yield
        return
    opened = {each: each.stat().st_mode for each in (folder, *folder.parents) if each.name.startswith("pytest-")}
    opened[folder] = folder.stat().st_mode
    try:
        for each in opened:
            each.chmod(0o755)
        os.seteuid(65534)
        yield
    finally:
        os.seteuid(0)
        for each, mode in opened.items():
            each.chmod(mode)
