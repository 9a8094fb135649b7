"""Processes on one store share the work and never do a stage twice."""

import os
import re
import signal
from pathlib import Path

import pytest


def begun(text):
    return re.findall(r"stage (\S+) begins", text)


@pytest.mark.slow
def test_two_commands_at_once_share_the_stages(run, whole, tools):
    flags = [*tools.small, "--output_dir=out", "--verbosity=0"]
    processes = [run.start(*flags) for _ in range(2)]
    printed = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert printed[0][0] == printed[1][0] == whole[1]
    stages = [name for _, err in printed for name in begun(err)]
    assert len(stages) == len(set(stages)) == tools.stages
    assert tools.bytes_of(run.folder / "out") == tools.bytes_of(whole[0])


@pytest.mark.slow
def test_the_local_executor_gives_the_same_rows(run, whole, tools):
    out, _ = run(*tools.small, "--trials=2", "--output_dir=out", "--executor=local", "--workers=2")
    assert out.count("weight_rewind") == 2
    with (whole[0] / "results.csv").open() as inline, (run.folder / "out/results.csv").open() as local:
        ours, theirs = inline.read().splitlines(), local.read().splitlines()
    assert ours[0] == theirs[0]
    assert len(theirs) == 1 + 2 * tools.stages
    # Workers have a thread each: the same stages by the same names, in another environment.
    column = ours[0].split(",").index("stage")
    assert {row.split(",")[column] for row in ours} <= {row.split(",")[column] for row in theirs}


@pytest.mark.slow
def test_a_killed_worker_is_said_and_a_killed_parent_takes_its_workers_along(run, tools):
    flags = [*tools.small, "--epochs=3000", "--output_dir=out", "--executor=local", "--trials=2"]
    process = run.start(*flags)
    tools.wait_until(lambda: list((run.folder / "out").glob("stages/**/resume.safetensors")), process)
    workers = children(process.pid)
    assert len(workers) >= 2
    tools.kill(process)
    tools.wait_until(lambda: not any(alive(worker) for worker in workers), seconds=20)

    process = run.start(*flags)
    held = run.folder / "out/stages"
    tools.wait_until(
        lambda: len(list(held.glob("**/resume.safetensors"))) >= 1 and len(trainers(process.pid)) == 2,
        process,
    )
    os.kill(trainers(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was killed by signal 9 (SIGKILL) before its work was done" in err
    assert "memory" not in err.casefold()  # the kernel counted no kill for it
    assert "Run the same command to go on" in err


def children(pid):
    found = []
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = task.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(task.parent.name))
    return found


def trainers(pid):
    """Return the children that have TensorFlow in them: not multiprocessing's resource tracker."""

    def size(child):
        try:
            return int(Path(f"/proc/{child}/statm").read_text().split()[1]) * 4096
        except OSError:
            return 0

    return [child for child in children(pid) if size(child) > 200 * 2**20]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
