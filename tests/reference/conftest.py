"""Runs of the command, and its store read without the library."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import safetensors.numpy

ROOT = Path(__file__).resolve().parents[2]


class Runs:
    """A run store as it lies on the disk."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *flags):
        command = [sys.executable, str(ROOT / "run_experiment.py"), *flags, f"--output_dir={self.folder}"]
        process = subprocess.run(command, cwd=self.folder.parent, capture_output=True, text=True)
        assert process.returncode == 0, process.stderr

    def table(self):
        return pd.read_csv(self.folder / "results.csv", keep_default_na=False)

    def stage(self, name):
        folder = self.folder / "stages" / name
        read = safetensors.numpy.load_file
        return SimpleNamespace(
            name=name,
            final=read(folder / "final.safetensors"),
            points={int(path.stem[5:]): read(path) for path in (folder / "points").glob("step_*")},
            start=json.loads((folder / "start.json").read_text()),
            metrics=pd.read_csv(folder / "metrics.csv", keep_default_na=False),
            result=json.loads((folder / "result.json").read_text()),
        )

    @staticmethod
    def digest(array):
        """Return what start.json has for an array: docs/reproducibility.md."""
        return hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode() + array.tobytes()).hexdigest()[:16]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("reference") / "runs")
