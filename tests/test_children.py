import os
import subprocess
import time

from tf_lottery.children import kill_together


class Child:
    """A process, after whose killing half a second passes: enough for others to see it."""

    def __init__(self, command, **streams):
        self._process = subprocess.Popen(command, **streams)
        self.pid = self._process.pid

    def kill(self):
        self._process.kill()
        self._process.wait()
        time.sleep(0.5)


def test_no_child_lives_to_see_another_killed(tmp_path):
    reads, writes = os.pipe()
    children = [
        Child(["sleep", "60"], stdout=writes),
        Child(["sh", "-c", f"read line; touch {tmp_path}/saw_it"], stdin=reads),  # the pipe ends with the other
    ]
    os.close(reads)
    os.close(writes)
    time.sleep(0.2)
    kill_together(children)
    assert not list(tmp_path.iterdir())


def test_a_child_that_has_ended_is_no_trouble():
    child = Child(["true"])
    child._process.wait()
    kill_together([child])
