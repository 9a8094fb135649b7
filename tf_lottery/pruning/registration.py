"""Registers our classes with Keras as soon as there is a Keras, so that saved models load without `custom_objects`."""

from __future__ import annotations

import importlib
from typing import Any

import wrapt

_MODULES = ("tf_lottery.pruning.wrapper",)


def register(*modules: str) -> None:
    """Import these modules and the wrapper's when `tf_keras` is imported, or now if it was already."""

    def load(_: Any) -> None:
        for module in (*_MODULES, *modules):
            importlib.import_module(module)

    wrapt.register_post_import_hook(load, "tf_keras")
