"""Ctrl-C, `kill` and a closed terminal, at any instant."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
BEGIN = {
    "at once": "end_at_once()",
    "in long calls": "end_at_once_in_long_calls('farewell')",
    "unwinding": "unwind()",
}


def start(script, *arguments, ignored=(), **environment):
    """Start a script whose parent heeds or ignores signals, whoever runs the tests."""

    def dispositions():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=dispositions,
    )


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("way", BEGIN)
def test_a_signal_ends_with_its_status_and_no_traceback(way, number):
    script = (
        f"import time\nfrom tf_lottery.interrupt import *\n{BEGIN[way]}\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    with start(script) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err == ("\nfarewell\n" if way == "in long calls" else "")


@pytest.mark.parametrize("way", BEGIN)
def test_what_is_ignored_stays_ignored_as_under_nohup_or_behind_an_ampersand(way):
    script = f"from tf_lottery.interrupt import *\n{BEGIN[way]}\nprint('ready', flush=True)\nprint(input())"
    with start(script, ignored=(signal.SIGINT, signal.SIGHUP)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate("goes on\n", timeout=30)
    assert (process.returncode, out, err) == (0, "goes on\n", "")


def test_unwinding_cleans_up_and_a_second_signal_ends_that_too(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom tf_lottery.interrupt import *\nunwind()\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "finally:\n    Path(sys.argv[1]).touch()\n    print('cleaning', flush=True)\n"
        "    try:\n        time.sleep(60)\n    finally:\n        print('still cleaning', flush=True)"
    )
    with start(script, str(tmp_path / "cleaned")) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "cleaning\n"
        assert (tmp_path / "cleaned").exists()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, "", "")


# Sends itself a signal when a module is first looked for, then is the command: an instant that does not depend on luck.
AT_IMPORT = """
import os, runpy, signal, sys

instant, module, *sys.argv[1:] = sys.argv[1:]

class Now:
    def find_spec(self, name, *_):
        if name == instant:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Now())
(runpy.run_path if module.endswith(".py") else runpy.run_module)(module, run_name="__main__")
"""


@pytest.mark.parametrize("instant", ["tf_lottery", "tf_lottery.interrupt", "absl", "tf_lottery.command.main", "numpy"])
def test_ctrl_c_while_the_command_begins_is_no_traceback(instant):
    with start(AT_IMPORT, instant, "run_experiment.py", "--dry_run") as process:
        out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "")
    assert process.returncode in (130, -signal.SIGINT)  # a shell says 130 of both


@pytest.mark.parametrize("instant", ["tf_lottery", "pandas", "matplotlib", "paper_figures.page"])
def test_ctrl_c_while_the_figures_begin_is_no_traceback(instant, tmp_path):
    with start(AT_IMPORT, instant, "paper_figures", "--list", TMPDIR=str(tmp_path), HOME="/dev/null") as process:
        out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "")
    assert process.returncode in (130, -signal.SIGINT)
    assert not list(tmp_path.iterdir())
