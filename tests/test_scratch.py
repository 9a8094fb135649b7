"""The command's temporary folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


NOT_YET = """
import os, signal
from tf_lottery.interrupt import end_at_once

end_at_once()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_folder_of_the_users_of_such_a_name_stays_when_the_command_ends_before_it_made_its_own(tmp_path):
    users = tmp_path / "tf_lottery-mine"
    users.mkdir()
    (users / "thesis.tex").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-c", NOT_YET],
        env=os.environ | {"TMPDIR": str(users)},
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert (users / "thesis.tex").read_text() == "years of work"


CHILD = """
import os, sys, time
from tf_lottery.children import end_with_parent
from tf_lottery.scratch import own_temporary_folder

def work():
    end_with_parent()
    time.sleep(60)

if __name__ == "__main__":
    import multiprocessing
    if sys.argv[1] == "own":
        own_temporary_folder()
    context = multiprocessing.get_context("spawn")
    context.Process(target=work, daemon=True).start()
    time.sleep(3)
    print(os.environ["TMPDIR"], flush=True)
    os._exit(1)  # killed: nothing of its own is run
"""


@pytest.mark.parametrize("whose", ["own", "users"])
def test_a_process_that_ends_with_its_parent_removes_the_command_s_folder_and_no_other(tmp_path, whose):
    users = tmp_path / "tf_lottery-mine"
    users.mkdir()
    (users / "thesis.tex").write_text("years of work")
    (tmp_path / "child.py").write_text(CHILD)
    done = subprocess.run(
        [sys.executable, "child.py", whose],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(users)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = Path(done.stdout.strip())
    assert (told != users) is (whose == "own"), done.stderr
    end = time.monotonic() + 20
    while whose == "own" and told.exists():
        assert time.monotonic() < end, "never removed"
        time.sleep(0.05)
    time.sleep(0 if whose == "own" else 1)  # a child that removes it would have by now
    assert (users / "thesis.tex").read_text() == "years of work"
