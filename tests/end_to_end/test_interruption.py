"""Killed at any instant, the same command goes on, and ends with the same bytes."""

import random
import signal
import time

import pytest


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_bit_identical_to_one_never_interrupted(run, whole, tools):
    output = run.folder / "out"
    seed = random.randrange(2**32)
    print(f"random moments from seed {seed}")
    moments = random.Random(seed)
    for _ in range(4):
        before = len(list(output.glob("stages/**/*")))
        process = run.start(*tools.small, "--output_dir=out")
        changes = moments.randrange(1, 12)

        # Once this run has made or replaced some files, and then a little: in the middle of whatever it is doing.
        def has_begun(process=process, before=before, changes=changes):
            return len(list(output.glob("stages/**/*"))) >= before + changes or process.poll() is not None

        tools.wait_until(has_begun)
        time.sleep(moments.uniform(0, 0.15))
        tools.kill(process)
    out, err = run(*tools.small, "--output_dir=out")
    assert out == whole[1]
    assert tools.bytes_of(output) == tools.bytes_of(whole[0]), f"seed {seed}\n{err}"
    assert not list(output.glob("stages/**/*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_signal_ends_at_once_with_a_line_that_says_how_to_go_on_and_no_litter(run, tools, executor):
    number = {"inline": signal.SIGINT, "local": signal.SIGTERM}[executor]
    (run.folder / "tmp").mkdir()
    flags = [*tools.small, "--epochs=2000", "--output_dir=out", f"--executor={executor}"]
    process = run.start(*flags, TMPDIR=str(run.folder / "tmp"))
    tools.wait_until(lambda: list((run.folder / "out").glob("stages/**/resume.safetensors")), process)
    began = time.monotonic()
    _, err = tools.kill(process, number)
    assert time.monotonic() - began < 2
    assert process.returncode == 128 + number
    assert err.strip().splitlines()[-1] == "Stopped. What is done is kept: run the same command to go on."
    assert "Traceback" not in err
    # TensorFlow writes what AutoGraph made into the temporary folder; workers end a moment after their parent.
    tools.wait_until(lambda: not list((run.folder / "tmp").iterdir()), seconds=20)
    out, _ = run(*flags, "--dry_run", tensorflow=False)
    assert "begun" in out
