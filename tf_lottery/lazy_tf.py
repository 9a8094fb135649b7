"""TensorFlow and Keras 2, imported when they are first used and not before.

`from tf_lottery.lazy_tf import keras, tf` costs nothing: the names stand for the modules and import
them at the first attribute. So `--help`, `--dry_run` and figures never wait for TensorFlow (4 to 10 s).
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
import warnings
from types import ModuleType
from typing import Any

# TF-MOT works on Keras 2 objects only; without this, `tf.keras` is Keras 3. It must be set before the import.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


class LazyModule(ModuleType):
    """A module that is imported when one of its attributes is first asked for."""

    def __getattr__(self, name: str) -> Any:
        # Python asks a module for names like __path__ by itself: answering these must not import TensorFlow.
        if name.startswith("__") and name.endswith("__") and name != "__version__":
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


tf: Any = LazyModule("tensorflow")
keras: Any = LazyModule("tf_keras")
tfmot: Any = LazyModule("tensorflow_model_optimization")
# The wrapper class is not among TF-MOT's public names.
tfmot_wrapper: Any = LazyModule("tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper")


def import_quietly() -> None:
    """Import all three now, without the notes that TensorFlow writes past every logger; if it fails, with them."""
    sys.stderr.flush()
    saved = os.dup(2)
    # Imports make a million objects that stay: looking for garbage among them takes a fifth of the time.
    collecting = gc.isenabled()
    gc.disable()
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of others, and errors under `python -W error`
                # Asking for devices is what makes it say that there is no GPU.
                len(tf.config.list_physical_devices())
                for module in (keras, tfmot, tfmot_wrapper):
                    importlib.import_module(module.__name__)
        except BaseException:
            os.dup2(saved, 2)
            notes.seek(0)
            sys.stderr.write(notes.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            gc.freeze()
            if collecting:
                gc.enable()
