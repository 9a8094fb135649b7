"""Streams that never raise."""

import os
import resource
import subprocess
import sys
import threading

import pytest

from tf_lottery import streams


def test_after_the_first_failure_nothing_more_is_written_so_that_no_hole_looks_whole(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "out").open("wb") as file:
        stream = streams._stream(file.fileno(), None)
        print("one", file=stream, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            print("two" * 100, file=stream, flush=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        print("three", file=stream, flush=True)
        assert stream.buffer.raw.failure.strerror == "File too large"
    written = (tmp_path / "out").read_text()
    assert written.startswith("one\n")
    assert "three" not in written


def test_a_reader_that_is_slow_gets_all_of_a_pipe_that_does_not_block():
    read, write = os.pipe()
    os.set_blocking(write, False)
    text = "x" * 300_000  # more than a pipe holds
    stream = streams._stream(write, None)
    writer = threading.Thread(target=lambda: (print(text, file=stream, flush=True), os.close(write)))
    writer.start()
    with os.fdopen(read) as pipe:
        assert pipe.read() == text + "\n"
    writer.join()


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("utf-8", "gr\u00fcn", "gr\u00fcn".encode()),
        ("ascii", "gr\u00fcn", b"gr\\xfcn"),
        ("utf-8", "byte_\udcff", b"byte_\xff"),
        ("ascii", "\u00fc\udcc3\udcbc\u4e2d", b"\\xfc\xc3\xbc\\u4e2d"),
        ("latin-1", "\u00fc\ud800", b"\xfc\\ud800"),
    ],
)
def test_file_names_keep_their_bytes_and_characters_without_a_code_are_numbers(encoding, text, written):
    assert text.encode(encoding, streams._SHOWN) == written


@pytest.mark.parametrize(("status", "expected"), [(0, 141), (3, 3)])
def test_a_pipe_that_nobody_reads_hides_no_other_status(status, expected):
    script = (
        "import sys\nfrom tf_lottery.streams import *\noutlive_streams()\nprint('x')\n"
        f"status, told = status_of({status})\nassert told == ''\nsys.exit(status)"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (expected, "")


@pytest.mark.parametrize("closed", [{0}, {1}, {0, 1}, {0, 1, 2}])
def test_streams_that_were_closed_are_filled_and_no_file_that_is_opened_gets_their_numbers(closed, tmp_path):
    script = (
        "import os, sys\nfrom tf_lottery.streams import outlive_streams\noutlive_streams()\n"
        f"file = open({str(tmp_path / 'file')!r}, 'w')\nprint('lost')\n"
        "numbers = [os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in range(3)]\n"
        "print(file.fileno(), numbers, all(map(os.get_inheritable, range(3))), file=file)"
    )
    shell = " ".join(f"{number}>&-" for number in closed)
    command = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, script]
    subprocess.run(command, stdin=subprocess.PIPE, capture_output=True, check=True)
    number, rest = (tmp_path / "file").read_text().split(" ", 1)
    assert int(number) > 2
    assert rest == f"{[place in closed for place in range(3)]} True\n"
