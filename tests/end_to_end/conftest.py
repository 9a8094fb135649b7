"""Running commands as a user types them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "run_experiment.py")]
# Small and quick, and all that a run has: a dense network, two levels, two techniques of which one needs a point.
SMALL = [
    "--network=lenet_300_100_x0.1",
    "--epochs=3",
    "--density=0.64",
    "--trials=1",
    "--strategy=weight_rewind,lr_rewind",
    "--checkpoint_seconds=0",
]
STAGES = 5


def heed_signals():
    """Undo what the tests' own parent may have set: a background job and what it starts ignore Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Runner:
    """Starts the command in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.without_tensorflow = folder, folder / "no_tensorflow"
        for name in ("tensorflow", "tf_keras"):
            (self.without_tensorflow / name).mkdir(parents=True)
            (self.without_tensorflow / name / "__init__.py").write_text(
                "raise ImportError('TensorFlow was imported')\n"
            )

    def start(self, *flags: str, tensorflow: bool = True, before=None, **environment: str) -> subprocess.Popen[str]:
        variables = os.environ | environment
        paths = [str(ROOT), variables.get("PYTHONPATH", "")]
        if not tensorflow:
            paths.insert(0, str(self.without_tensorflow))
        variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return subprocess.Popen(
            [*COMMAND, *flags],
            cwd=self.folder,
            env=variables,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: (heed_signals(), before and before()),
        )

    def __call__(self, *flags: str, status: int = 0, **settings) -> tuple[str, str]:
        """Return what was printed to stdout and stderr by a run that ended with `status`."""
        process = self.start(*flags, **settings)
        try:
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
        assert process.returncode == status, f"status {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return out, err


@pytest.fixture
def run(tmp_path):
    return Runner(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The folder of a small run that nobody disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    out, err = Runner(folder)(*SMALL, "--output_dir=out")
    return folder / "out", out, err


def bytes_of(output: Path) -> dict[str, bytes]:
    """Return everything in a store that must not depend on interruptions."""
    names = ("final.safetensors", "metrics.csv", "spec.json", "step_*.safetensors")
    files = [output / "results.csv"] + [path for name in names for path in output.glob(f"stages/**/{name}")]
    found = {str(path.relative_to(output)): path.read_bytes() for path in files}
    return {name: content for name, content in found.items() if ".damaged_" not in name}


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=60)


def wait_until(claim, process=None, seconds=120.0):
    """Return when the claim holds; fail if it never does, or the process ends before.

    Where the claim lists a folder, files may go while it does: then it does not hold yet.
    """
    end = time.monotonic() + seconds

    def holds():
        try:
            return claim()
        except FileNotFoundError:
            return False

    while not holds():
        assert time.monotonic() < end, "never happened"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.fixture(scope="session")
def tools():
    """Give tests the helpers above: their folder is no package to import from."""

    class Tools:
        small, stages, root = SMALL, STAGES, ROOT

    Tools.bytes_of, Tools.kill, Tools.wait_until, Tools.Runner = map(staticmethod, (bytes_of, kill, wait_until, Runner))
    return Tools
