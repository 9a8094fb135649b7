"""The command's temporary folder."""

import json
import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, sys, tempfile
from pathlib import Path
from tf_lottery.interrupt import end_at_once
from tf_lottery.scratch import own_temporary_folder

own_temporary_folder(*map(Path, sys.argv[2:]))
end_at_once()
tempfile.mkstemp()
print(json.dumps([tempfile.gettempdir(), os.environ.get("TMPDIR"), os.environ.get("MPLCONFIGDIR")]), flush=True)
if sys.argv[1] != "0":
    os.kill(os.getpid(), int(sys.argv[1]))
"""


def run(number, *others, **environment):
    """Return the temporary folder, as Python and as other programs see it, and Matplotlib's if it was given one."""
    variables = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(int(number)), *map(str, others)],
        env=variables | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    assert done.returncode == (128 + number if number else 0), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", [0, signal.SIGTERM])
def test_it_is_one_folder_for_all_and_goes_with_the_process(tmp_path, number):
    (tmp_path / "tmp").mkdir()
    seen, told, _ = run(number, TMPDIR=str(tmp_path / "tmp"))
    assert seen == told
    assert os.path.dirname(seen) == str(tmp_path / "tmp")  # noqa: PTH120 - of a folder that is gone
    assert not list((tmp_path / "tmp").iterdir())


def test_matplotlib_keeps_its_fonts_there_where_the_home_may_not_be_written_and_nowhere_else(tmp_path):
    (tmp_path / "home").mkdir()
    assert run(0, HOME=str(tmp_path / "home"))[2] is None
    assert run(0, HOME=str(tmp_path / "home"), MPLCONFIGDIR="/a")[2] == "/a"
    seen, _, matplotlib = run(0, HOME="/dev/null")
    assert matplotlib == f"{seen}/matplotlib"
    assert not list((tmp_path / "home").iterdir())
