"""Each fault of named.py can still be put in: what it replaces stands once in its file."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("named", Path(__file__).with_name("named.py"))
_named = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_named)


@pytest.mark.parametrize("name", _named.NAMED)
def test_what_a_fault_replaces_stands_once_in_its_file_and_its_tests_are_there(name):
    fault = _named.NAMED[name]
    assert (ROOT / fault.path).read_text().count(fault.old) == 1
    assert fault.old != fault.new
    assert all((ROOT / test.partition("::")[0]).exists() for test in fault.tests.split())
