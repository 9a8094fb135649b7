import errno
import json
import logging as python_logging
import multiprocessing

import pytest

from tf_lottery.experiments.store import Store, StoreError, explain

NAME = "digits/lenet_300_100/trial_1/dense-00000000"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def finish(store, name=NAME, **result):
    store.partial(name).mkdir(parents=True, exist_ok=True)
    store.commit(name, {"status": "done"} | result)


def test_a_stage_is_there_and_whole_or_not_there(store):
    assert store.result(NAME) is None
    store.partial(NAME).mkdir(parents=True)
    (store.partial(NAME) / "resume.safetensors").write_text("state")
    assert not store.is_done(NAME)
    store.commit(NAME, {"status": "done", "test_accuracy": 0.5})
    assert store.is_done(NAME)
    assert store.result(NAME) == {"status": "done", "test_accuracy": 0.5}
    assert sorted(path.name for path in store.folder(NAME).iterdir()) == ["result.json"]
    assert not store.partial(NAME).exists()
    assert [row["test_accuracy"] for row in store.results({})] == [0.5]


def test_a_damaged_result_is_set_aside_and_said(store, caplog):
    finish(store)
    (store.folder(NAME) / "result.json").write_text('{"status": "do')
    with caplog.at_level(python_logging.WARNING):
        assert store.result(NAME) is None
    assert "is damaged" in caplog.text
    assert "done again" in caplog.text
    assert not store.is_done(NAME)
    assert [path.name for path in store.folder(NAME).parent.iterdir()] == [".dense-00000000.damaged_1"]
    assert store.results({}) == []


def _hold(root, name, held, done):
    with Store(root).claim(name) as mine:
        held.put(mine)
        done.get()


def test_a_stage_is_claimed_by_one_process_and_free_when_that_dies(store):
    context = multiprocessing.get_context("spawn")
    held, done = context.Queue(), context.Queue()
    other = context.Process(target=_hold, args=(store.root, NAME, held, done))
    other.start()
    assert held.get(timeout=60) is True
    with store.claim(NAME) as mine:
        assert mine is False
    other.kill()
    other.join()
    with store.claim(NAME) as mine:
        assert mine is True


def test_a_store_of_a_newer_format_is_refused_and_left_alone(store):
    path = store.root / "format.json"
    path.write_text(json.dumps({"store_format": 99}))
    with pytest.raises(StoreError, match=r"format 99; this version of tf_lottery reads format 1. Update"):
        Store(store.root)
    assert json.loads(path.read_text()) == {"store_format": 99}


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_a_damaged_format_file_is_refused(store, text):
    (store.root / "format.json").write_text(text)
    with pytest.raises(StoreError, match=r"format\.json is damaged"):
        Store(store.root)


def test_a_file_where_the_store_should_be_is_one_clear_message(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot use .*runs.*A file is where a folder should be"):
        Store(tmp_path / "runs")


def test_an_error_of_the_file_system_says_what_where_and_what_to_do(tmp_path):
    told = explain(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert told == (
        f"cannot use {tmp_path}: No space left on device. The disk is full: free some space, "
        "and run the same command again."
    )
