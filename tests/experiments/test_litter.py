import os
from pathlib import Path

import pytest

from tf_lottery.experiments.litter import beside, sweep, sweep_flat


@pytest.mark.parametrize(
    "name", ["result.json", "results.csv", "final.safetensors", "accuracy-digits.png", "events.out.tfevents.0.accuracy"]
)
def test_a_temporary_file_has_a_name_of_its_own_each_time_and_is_known_as_one(tmp_path, name):
    path = tmp_path / name
    places = {beside(path) for _ in range(100)}
    assert len(places) == 100
    assert {place.parent for place in places} == {tmp_path}
    assert all(place.name.startswith(f".{name}.") for place in places)
    for place in (*places, path):
        place.write_text("")
        os.utime(place, (0, 0))
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_gone_meanwhile_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "walk", lambda _: [(str(tmp_path), [], [".result.json.12ab34cd"])])
    sweep(tmp_path, seconds=0)
    sweep_flat(tmp_path, ["result.json"])
    sweep(Path("/no/such/folder"))
    sweep_flat(Path("/no/such/folder"), ["*"])
