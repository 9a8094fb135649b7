"""Worker processes tell what the inline executor tells.

A package `tensorflow` that fails stands for what a worker may meet: the error comes at the same instant, a second
later instead of ten.
"""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_lottery.experiments.executors import deaths
from tf_lottery.experiments.executors.deaths import OutOfMemoryKills, how_it_ended
from tf_lottery.experiments.executors.inline import _is_lack_of_memory
from tf_lottery.experiments.executors.local import _sendable

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--network=lenet_300_100_x0.1", "--epochs=1", "--density=0.8", "--trials=2", "--output_dir=out"]


@pytest.fixture
def meeting(tmp_path):
    """Run the command where importing TensorFlow does this."""

    def run(what, *flags, **environment):
        package = tmp_path / "fake/tensorflow"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(what)
        return subprocess.Popen(
            [sys.executable, ROOT / "run_experiment.py", *SMALL, *flags],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(package.parent), str(ROOT)])} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: [
                signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            ],
        )

    return run


DATA = "from tf_lottery.datasets.dataset import DamagedDataError\n"


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        (DATA + "raise DamagedDataError('x.idx is cut. Replace it.')", 1, "x.idx is cut. Replace it."),
        ("raise OSError(28, 'No space left on device', 'x')", 1, "cannot use x: No space left on device. The disk"),
        ("raise ValueError('scores hold NaN.')", 2, "scores hold NaN."),
        ("raise MemoryError('Unable to allocate 3 TiB.')", 1, "more memory than there is (Unable to allocate 3 TiB)."),
    ],
)  # fmt: skip
def test_workers_tell_the_inline_executors_sentence_once_with_its_status(meeting, what, status, said):
    told = []
    for flags in (["--executor=inline"], ["--executor=local", "--workers=2"]):
        process = meeting(what, *flags)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (status, ""), err
        told.append(re.sub(r"trial_\d", "trial", err).splitlines())
    assert told[0] == told[1]
    first, last = told[0]
    assert "epochs to train" in first
    assert last.startswith("run_experiment: ")
    assert said in last


def test_a_fault_of_the_program_keeps_its_traceback_from_the_worker(meeting):
    process = meeting("{}['a key']", "--executor=local", "--workers=2")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "KeyError: 'a key'" in err.splitlines()
    assert "In a worker process:" in err
    assert "fake/tensorflow/__init__.py" in err


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_that_is_killed_is_said_by_its_signal_and_memory_is_not_blamed(meeting, number):
    process = meeting(f"import os; os.kill(os.getpid(), {int(number)})", "--executor=local", "--workers=2")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    (last,) = err.splitlines()[1:]
    assert re.fullmatch(
        rf"run_experiment: worker \d \(process \d+\) was killed by signal {int(number)} \({number.name}\) "
        r"before its work was done\. Run the same command to go on\.",
        last,
    )


@pytest.mark.parametrize(
    ("executor", "number"),
    [("inline", signal.SIGINT), ("local", signal.SIGINT), ("local", signal.SIGTERM), ("local", signal.SIGHUP)],
)
def test_a_signal_while_tensorflow_is_imported_ends_all_with_a_line_and_leaves_no_litter(
    meeting, tmp_path, executor, number
):
    (tmp_path / "tmp").mkdir()
    begins = "import os, pathlib, tempfile, time; tempfile.mkstemp(); pathlib.Path(f'begun_{os.getpid()}').touch(); "
    process = meeting(begins + "time.sleep(60)", f"--executor={executor}", "--workers=2", TMPDIR=str(tmp_path / "tmp"))
    count = {"inline": 1, "local": 2}[executor]
    end = time.monotonic() + 60
    while len(begun := list(tmp_path.glob("begun_*"))) < count:
        assert time.monotonic() < end, "never began"
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err.splitlines()[1:] == ["", "Stopped. What is done is kept: run the same command to go on."]
    while any(is_alive(path.name.removeprefix("begun_")) for path in begun) or list((tmp_path / "tmp").iterdir()):
        assert time.monotonic() < end, "workers or their files stay"
        time.sleep(0.01)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("code", "kills", "said"),
    [
        (1, 0, "ended with status 1 before its work was done. Run the same"),
        (-11, 5, "was killed by signal 11 (SIGSEGV) before its work was done. Run the same"),
        (-4, None, "was killed by signal 4 (SIGILL) before its work was done. Run the same"),
        (-40, None, "was killed by signal 40 before its work was done. Run the same"),
        (-9, 0, "was killed by signal 9 (SIGKILL) before its work was done. Run the same"),
        (-9, 1, "was killed by signal 9 (SIGKILL) before its work was done. Memory ran out: use fewer --workers"),
        (
            -9,
            None,
            "was killed by signal 9 (SIGKILL) before its work was done. If it was for lack of memory, use fewer",
        ),
    ],
)
def test_memory_is_blamed_when_the_kernel_counted_it(tmp_path, monkeypatch, code, kills, said):
    counters = tmp_path / "vmstat"
    monkeypatch.setattr(deaths, "_COUNTERS", counters)
    counters.write_text("pgfault 17\noom_kill 3\n" if kills is not None else "pgfault 17\n")
    before = OutOfMemoryKills()
    counters.write_text(f"pgfault 18\noom_kill {3 + kills}\n" if kills is not None else "pgfault 18\n")
    told = how_it_ended(code, before)
    assert told.startswith(said)
    assert told.endswith("Run the same command to go on.")


class TwoArgumentsError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(28, "No space left", "x"), OSError, "[Errno 28] No space left: 'x'"),
        (ValueError("one"), ValueError, "one"),
        (TwoArgumentsError("one", "two"), RuntimeError, "TwoArgumentsError: one and two"),  # cannot be unpickled
        (ValueError(lambda: None), RuntimeError, "ValueError: <function"),  # cannot be pickled
    ],
)
def test_an_error_goes_to_the_parent_with_its_traceback(error, kind, text):
    try:
        raise error
    except type(error) as met:
        arrived = pickle.loads(pickle.dumps(_sendable(met)))
    assert type(arrived) is kind
    assert str(arrived).startswith(text)
    (note,) = arrived.__notes__
    assert "raise error" in note


@pytest.mark.parametrize(
    ("kind", "text", "is_memory"),
    [
        ("ResourceExhaustedError", "{{node}} OOM when allocating tensor with shape[9,9] [Op:Mul]", True),
        ("ResourceExhaustedError", "Out of memory while trying to allocate 3 bytes.", True),
        ("ResourceExhaustedError", "out/events; No space left on device", False),
        ("ResourceExhaustedError", "out/events; Too many open files", False),
        ("InternalError", "out of memory", False),  # of TensorFlow's other classes none is for memory
    ],
)
def test_tensorflows_error_for_anything_that_runs_out_is_memory_when_it_says_so(kind, text, is_memory):
    assert _is_lack_of_memory(type(kind, (Exception,), {})(text)) == is_memory
    assert _is_lack_of_memory(MemoryError())
