import threading

import numpy as np
import pytest

from tf_lottery import checkpoint
from tf_lottery.experiments.background import BackgroundWriter

ARRAYS = {"w": np.arange(3.0)}


def test_all_is_written_when_the_block_is_left(tmp_path):
    with BackgroundWriter() as writer:
        for step in range(5):
            writer.write(tmp_path / "same", ARRAYS | {"step": np.array(step)}, {"step": step})
    arrays, metadata = checkpoint.read(tmp_path / "same")
    assert (int(arrays["step"]), metadata) == (4, {"step": 4})  # in order: the last one stands


def test_the_caller_goes_on_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    written, goes_on = threading.Event(), threading.Event()

    def slow(*_):
        assert goes_on.wait(30)
        written.set()

    monkeypatch.setattr(checkpoint, "write", slow)
    with BackgroundWriter() as writer:
        writer.write(tmp_path / "a", ARRAYS, {})
        assert not written.is_set()
        goes_on.set()
        writer.wait()
        assert written.is_set()


def test_what_a_write_raises_comes_with_the_next_or_at_the_end(tmp_path):
    writer = BackgroundWriter()
    writer.write(tmp_path / "no_folder" / "a", ARRAYS, {})
    with pytest.raises(FileNotFoundError):
        writer.write(tmp_path / "b", ARRAYS, {})
    with pytest.raises(FileNotFoundError), BackgroundWriter() as writer:
        writer.write(tmp_path / "no_folder" / "a", ARRAYS, {})


def test_an_error_of_the_block_is_told_before_one_of_a_write(tmp_path):
    def work():
        with BackgroundWriter() as writer:
            writer.write(tmp_path / "no_folder" / "a", ARRAYS, {})
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        work()
