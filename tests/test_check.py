"""The command that checks a store, as far as its answers; what it checks is in tests/experiments/test_properties.py."""

import json

import pytest

from tf_lottery.check import main
from tf_lottery.experiments.store import Store


def test_an_empty_store_has_no_fault(tmp_path, capsys):
    Store(tmp_path)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 0 finished stages checked, 0 faults\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "has no folder stages"), ("{", "is damaged"), (json.dumps({"store_format": 10**6}), "of format 1000000")],
)
def test_what_is_no_store_that_can_be_read_is_told_with_status_2(tmp_path, capsys, content, told):
    if content is not None:
        Store(tmp_path)
        (tmp_path / "format.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"check: {tmp_path}")
    assert told in err
    assert err.count("\n") == 1
