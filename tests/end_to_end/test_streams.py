"""Standard streams that go away: as with other Unix tools, nothing else is blamed, and no result is lost."""

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def files():
    """Open what streams can be by name: a full device, a pipe that nobody reads, one that somebody does."""
    opened = []

    def opener(kind):
        if kind == "pipe":
            read, write = os.pipe()
            os.close(read)
            opened.append(write)
            return write
        if kind == "full":
            opened.append(os.open("/dev/full", os.O_WRONLY))
            return opened[-1]
        return subprocess.PIPE

    yield opener
    for number in opened:
        os.close(number)


def start(command, folder, files, out, err, root, **environment):
    """Return status, stdout and stderr; `closed` ones are closed before the command begins."""

    def close():
        for number, kind in ((1, out), (2, err)):
            if kind == "closed":
                os.close(number)

    process = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)} | environment,
        stdout=files(out),
        stderr=files(err),
        preexec_fn=close,
        check=False,
        timeout=240,
    )
    return process.returncode, process.stdout, (process.stderr or b"").decode()


CANNOT = "cannot write to standard output: "
CASES = [
    ("full", "read", 1, CANNOT + "No space left on device."),
    ("closed", "read", 1, CANNOT + "Bad file descriptor."),
    ("pipe", "read", 141, ""),
    ("read", "full", 0, ""),
    ("read", "closed", 0, ""),
    ("read", "pipe", 0, ""),
    ("pipe", "pipe", 141, ""),
    ("closed", "closed", 1, ""),
]


@pytest.mark.parametrize(("out", "err", "status", "said"), CASES)
def test_asking_ends_as_other_tools_do(tmp_path, tools, files, out, err, status, said):
    found, printed, told = start([f"{tools.root}/run_experiment.py", "--list"], tmp_path, files, out, err, tools.root)
    assert found == status
    assert told == (f"run_experiment: {said}\n" if said else "")
    if out == "read":
        assert printed.startswith(b"strategies\n")
        assert b"\nexecutors\n  inline\n  local\n" in printed
        assert printed.endswith(b".\n")  # of the last flagfile's line


@pytest.mark.parametrize(("out", "err", "status", "said"), [CASES[0], CASES[2], CASES[4]])
def test_a_finished_run_writes_its_results_all_the_same(tmp_path, whole, tools, files, out, err, status, said):
    shutil.copytree(whole[0], tmp_path / "out")
    (tmp_path / "out/results.csv").unlink()
    shutil.rmtree(tmp_path / "out/figures")
    command = [f"{tools.root}/run_experiment.py", *tools.small, "--output_dir=out"]
    found, printed, told = start(command, tmp_path, files, out, err, tools.root)
    assert found == status
    assert told == (f"run_experiment: {said}\n" if said else "")
    assert tools.bytes_of(tmp_path / "out") == tools.bytes_of(whole[0])
    assert len(list((tmp_path / "out/figures").iterdir())) == len(list((whole[0] / "figures").iterdir()))
    if out == "read":
        assert printed.decode() == whole[1]


@pytest.mark.slow
def test_a_run_that_nobody_hears_trains_to_the_end(tmp_path, whole, tools, files):
    command = [f"{tools.root}/run_experiment.py", *tools.small, "--output_dir=out"]
    found, *_ = start(command, tmp_path, files, "pipe", "pipe", tools.root)
    assert found == 141
    assert tools.bytes_of(tmp_path / "out") == tools.bytes_of(whole[0])


@pytest.mark.parametrize(("out", "err", "status", "said"), [CASES[0], CASES[2]])
def test_figures_likewise(tmp_path, tools, files, out, err, status, said):
    command = ["-m", "paper_figures", "--list"]
    found, _, told = start(command, tmp_path, files, out, err, tools.root)
    assert found == status
    assert told == (f"paper_figures: {said}\n" if said else "")


ASCII, C, UTF8 = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "utf-8"},
)
UMLAUT, NO_TEXT = "gr\u00fcn", os.fsdecode(b"byte_\xff")


@pytest.mark.parametrize(("environment", "name"), [(ASCII, UMLAUT), (C, UMLAUT), (C, NO_TEXT), (UTF8, NO_TEXT)])
def test_any_path_is_used_and_printed_in_any_locale(tmp_path, whole, tools, files, environment, name):
    (tmp_path / name).mkdir()
    shutil.copytree(whole[0], tmp_path / name / "out")
    command = [f"{tools.root}/run_experiment.py", *tools.small, f"--output_dir={name}/out"]
    found, printed, told = start(command, tmp_path, files, "read", "read", tools.root, **environment)
    assert (found, told) == (0, "")
    # The bytes of the name where they can be printed, else something that a person can read.
    shown = [os.fsencode(name), name.encode("ascii", "backslashreplace")]
    assert any(each + b"/out/results.csv" in printed for each in shown)
    assert [path.name for path in tmp_path.iterdir()] == [name]
