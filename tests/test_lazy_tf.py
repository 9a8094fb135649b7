import gc
import os
import sys
from pathlib import Path

import pytest

from tf_lottery.lazy_tf import import_quietly


def descriptors():
    """What this process has open, by number: files it writes its output and errors to among them."""
    return {path.name: path.readlink() for path in Path("/proc/self/fd").iterdir() if int(path.name) != probe()}


def probe():
    """Return the number that listing the folder itself takes."""
    with Path(os.devnull).open() as free:
        return free.fileno()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list what a process has open")
@pytest.mark.parametrize("fails", [False, True])
def test_importing_leaves_the_process_as_it_was_also_where_it_fails(monkeypatch, fails):
    import_quietly()  # whatever TensorFlow itself opens and keeps
    before, collecting = descriptors(), gc.isenabled()
    if fails:
        monkeypatch.setitem(sys.modules, "tf_keras", None)
        with pytest.raises(ModuleNotFoundError, match="tf_keras"):
            import_quietly()
    else:
        import_quietly()
    assert descriptors() == before
    assert gc.isenabled() == collecting
    gc.unfreeze()
