"""TensorFlow and Keras 2, imported when they are first used and not before.

`from tf_lottery.lazy_tf import keras, tf` costs nothing: the names stand for the modules and import
them at the first attribute. So `--help`, `--dry_run` and figures never wait for TensorFlow (4 to 10 s).
"""

from __future__ import annotations

import importlib
import os
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
