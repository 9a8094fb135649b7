"""What is damaged is said; what can be made again is; what was done is kept."""

import json
import resource
import shutil
import subprocess

import pytest


@pytest.fixture
def copy(whole, run):
    """A finished store of the test's own, and the function that runs the command on it."""
    shutil.copytree(whole[0], run.folder / "out")
    return run.folder / "out"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def remove(output, pattern):
    for path in output.glob(pattern):
        shutil.rmtree(path)


@pytest.mark.slow
def test_damaged_checkpoints_and_points_are_made_again_and_nothing_else(run, copy, whole, tools):
    """In one run, for TensorFlow is slow to start: the last levels are to do, and all that they start from is bad."""
    remove(copy, "stages/*/*/*/*density_0.6400*")
    (lr_parent,) = copy.glob("stages/*/*/*/lr_rewind*density_0.8000*/final.safetensors")
    lr_parent.write_bytes(lr_parent.read_bytes()[:-7])  # cut
    (wr_parent,) = copy.glob("stages/*/*/*/weight_rewind*density_0.8000*/final.safetensors")
    flip(wr_parent)
    (point,) = copy.glob("stages/*/*/*/dense*/points/*")
    flip(point)
    out, err = run(*tools.small, "--output_dir=out")
    assert err.count("Set aside as") == 2
    assert err.count("made again from the nearest earlier one") == 1
    assert out == whole[1]
    assert tools.bytes_of(copy) == tools.bytes_of(whole[0])


@pytest.mark.slow
def test_a_damaged_dense_network_is_trained_again_when_a_new_stage_needs_it(run, copy, tools):
    (dense,) = copy.glob("stages/*/*/*/dense*/final.safetensors")
    flip(dense)
    _, err = run(*tools.small, "--strategy=fine_tune", "--density=0.8", "--output_dir=out")
    assert "does not match its SHA-256. Set aside as" in err


def test_a_damaged_result_of_the_newest_kind_is_done_again_and_a_newer_store_is_refused(run, copy, tools):
    (copy / "format.json").write_text(json.dumps({"store_format": 2}))
    _, err = run(*tools.small, "--output_dir=out", status=1, tensorflow=False)
    assert "is a run store of format 2; this version of tf_lottery reads format 1" in err


def test_a_folder_that_cannot_be_used_is_one_clear_message(run, tools):
    (run.folder / "out").write_text("a file")
    _, err = run(*tools.small, "--output_dir=out", status=1, tensorflow=False)
    assert "cannot use out" in err
    assert "A file is where a folder should be" in err


@pytest.mark.slow
def test_a_full_disk_is_one_clear_message_and_the_same_command_goes_on(run, whole, tools):
    def limit():
        # 20 kB: less than a checkpoint of 60 kB, more than a result.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    process = run.start(*tools.small, "--output_dir=out", before=limit)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert "A file size limit was reached (ulimit -f): raise it, and run the same command again." in err
    assert "Traceback" not in err
    out, _ = run(*tools.small, "--output_dir=out")
    assert out == whole[1]
    assert tools.bytes_of(run.folder / "out") == tools.bytes_of(whole[0])


def test_a_really_full_disk_is_named_as_one(run, tools):
    """On a file system of one megabyte, where the machine lets us make one."""
    folder = run.folder / "small_disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting needs rights that this machine does not give")
    try:
        _, err = run(*tools.small, "--output_dir=small_disk/out", status=1)
        assert "The disk is full: free some space, and run the same command again." in err
    finally:
        subprocess.run(["umount", str(folder)], check=True)
