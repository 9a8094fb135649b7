"""Locks among processes that do not see one another: in containers, and where the file system has none."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tf_lottery.experiments.locks import Locks, present
from tf_lottery.experiments.store import Store, StoreError
from tf_lottery.experiments.waiting import Patience

ROOT = Path(__file__).resolve().parents[2]
NAME = "digits/lenet_300_100/trial_1/dense-00000000"
CONTAINER = [
    "unshare",
    *([] if os.geteuid() == 0 else ["--map-root-user"]),
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]
CONTAINER += [sys.executable, "-c"]


def can_contain():
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*CONTAINER, "import os; assert os.getpid() == 1"], capture_output=True).returncode == 0


contained = pytest.mark.skipif(not can_contain(), reason="no process of this machine may have a PID namespace")


def start(code, *arguments, command=(sys.executable, "-c")):
    return subprocess.Popen(
        [*command, code, *map(str, arguments)], env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


HOLD = """
import os, sys
from pathlib import Path
from tf_lottery.experiments.store import Store
with Store(Path(sys.argv[1])).claim(sys.argv[2]) as mine:
    print(mine, os.getpid(), flush=True)
    sys.stdin.read()
"""
WRITE = """
import sys
from pathlib import Path
import numpy as np
from tf_lottery import checkpoint
from tf_lottery.experiments.store import write_text
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    write_text(folder / "result.json", sys.argv[2] * 100)
    checkpoint.write(folder / "state.safetensors", {"w": np.full(50, ord(sys.argv[2]))}, {})
"""


@contained
def test_a_stage_held_in_one_container_is_not_free_in_another(tmp_path, monkeypatch, caplog):
    store = Store(tmp_path)
    holder = start(HOLD, tmp_path, NAME, command=CONTAINER)
    try:
        assert holder.stdout.readline() == "True 1\n", holder.stderr.read()
        other = start(HOLD, tmp_path, NAME, command=CONTAINER)
        assert other.communicate("", timeout=60)[0] == "False 1\n"
        found = store.holder(NAME)
        assert (found.process, found.is_of_this_command) == (1, False)
        assert found.namespace != str(Path("/proc/self/ns/pid").readlink())
        assert abs(found.since - time.time()) < 60
        patience = Patience(store)
        patience.look([NAME])
        assert caplog.text == ""
        monkeypatch.setattr("tf_lottery.experiments.waiting._SECONDS", 0.0)
        for _ in range(3):
            patience.look([NAME])
        (record,) = caplog.records
        assert record.message == f"waiting for stage {NAME}: {found}"
        assert str(found).startswith(f"process 1 on {os.uname().nodename} has been at it since 2")
    finally:
        holder.kill()
        holder.communicate()


@contained
def test_processes_of_one_number_write_the_same_files_without_harm(tmp_path):
    writers = [start(WRITE, tmp_path, letter, command=CONTAINER) for letter in "ab"]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n", writer.stderr.read()
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        _, err = writer.communicate(timeout=100)
        assert writer.returncode == 0, err
    assert (tmp_path / "result.json").read_text() in ("a" * 100, "b" * 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "state.safetensors"]


def test_a_command_is_told_from_others_by_host_container_and_number():
    me = present()
    assert me.is_of_this_command
    assert replace(me, process=me.process + 1, since=0.0).is_of_this_command  # a worker of it
    for other in ({"host": "elsewhere"}, {"namespace": "pid:[1]"}, {"command": me.command + 1}):
        assert not replace(me, **other).is_of_this_command


def test_what_a_killed_holder_wrote_of_itself_is_not_believed(tmp_path, monkeypatch, caplog):
    store = Store(tmp_path)
    path = tmp_path / "locks" / f"{NAME.replace('/', '+')}.json"
    told = {"host": "elsewhere", "namespace": "", "process": 7, "command": 7, "since": 0.0}
    for text in ("", "[]", json.dumps(told), json.dumps(told | {"more": 1})):
        path.write_text(text)
        assert store.holder(NAME) is None
    monkeypatch.setattr("tf_lottery.experiments.waiting._SECONDS", 0.0)
    path.write_text(json.dumps(told))
    Patience(store).look([NAME])
    assert caplog.text == ""


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_once_and_files_stand_for_them(tmp_path, monkeypatch, caplog, number):
    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    first, second = Store(tmp_path), Store(tmp_path)
    for _ in range(2):
        with first.claim(NAME) as mine:
            assert mine is True
            with second.claim(NAME) as also:
                assert also is False
    messages = [record.message for record in caplog.records]
    assert (
        messages
        == [
            f"the file system of {tmp_path} has no locks (flock: {os.strerror(number)}). Files stand for "
            f"them, which a killed run leaves behind: remove those in {tmp_path}/locks if a run waits for "
            "a process that is no more."
        ]
        * 2
    )  # fmt: skip -- by each of two
    assert list((tmp_path / "locks").iterdir()) == []


def test_another_error_of_a_lock_is_one_clear_message(tmp_path, monkeypatch):
    store = Store(tmp_path)
    shutil.rmtree(tmp_path / "locks")
    (tmp_path / "locks").write_text("")
    with pytest.raises(StoreError, match="A file is where a folder should be"), store.claim(NAME):
        pass


def test_an_error_inside_of_a_claim_frees_it_and_is_what_it_was(tmp_path):
    locks = Locks(tmp_path)
    with pytest.raises(OSError, match="mine"), locks.claim(NAME):
        raise OSError("mine")
    with locks.claim(NAME) as mine:
        assert mine is True
