"""Which compiler makes a network's steps, and in which precision: decided here and nowhere else.

benchmarks/RESULTS.md has what was measured, docs/performance.md what follows from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks.network import Network

Jit = Literal["auto", "on", "off"]


def uses_xla(jit: Jit, network: Network) -> bool:
    """Return whether XLA compiles the steps.

    "auto": on a GPU always. On a CPU only without convolutions: there it is three to four times as fast as Keras' own
    way, while its convolutions run at half the speed of oneDNN's.
    """
    if jit != "auto":
        return jit == "on"
    return not network.has_convolutions or bool(tf.config.list_physical_devices("GPU"))


def onednn() -> str:
    """Return what TensorFlow was told of oneDNN before it was imported: 1, 0, or its own default."""
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default")


@contextmanager
def precision_of_layers(precision: str) -> Iterator[None]:
    """Have the layers made meanwhile compute in this Keras policy; their variables are float32 in any."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def scaled(optimizer: Any, precision: str) -> Any:
    """Return the optimizer, for float16 with a loss scale, without which small gradients become 0 in it."""
    return keras.mixed_precision.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer
