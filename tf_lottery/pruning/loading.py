"""What Keras must be told to load a saved model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tf_lottery.lazy_tf import keras

# Whose classes and functions are found without being told: Keras's, and ours, which `strip` takes away.
_KNOWN = ("tf_keras", "keras", "tensorflow", "builtins", "numpy", "tf_lottery", "tensorflow_model_optimization")


def custom_objects(model: Any) -> dict[str, Any]:
    """Return the classes and functions of somebody's own that a model's layers are made of, by name."""
    found = {}
    for layer in (each for each in model.submodules if isinstance(each, keras.layers.Layer)):
        parts = [] if isinstance(layer, keras.layers.Lambda) else list(vars(layer).values())
        for part in (layer, *parts):
            kind = part if inspect.isfunction(part) else type(part)
            is_own = (kind.__module__ or "").split(".")[0] not in _KNOWN
            if is_own and (inspect.isfunction(part) or hasattr(part, "get_config")):
                found[kind.__name__] = kind
    return found


def loading(model: Any, path: Path, custom: Mapping[str, Any]) -> str:
    """Return the Python that loads the model from `path`."""
    if path.suffix == ".tflite":
        return f"tf.lite.Interpreter({str(path)!r})"
    options = [f"custom_objects={{{', '.join(f'{name!r}: {name}' for name in custom)}}}"] if custom else []
    # Keras loads the code of lambdas from a file only if it is told to trust it.
    if path.suffix == ".keras" and any(isinstance(each, keras.layers.Lambda) for each in model.submodules):
        options.append("safe_mode=False")
    return f"keras.models.load_model({', '.join([repr(str(path)), *options])})"
