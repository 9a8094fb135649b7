"""A trained network by layer: what is kept, and what of it meets an activation that is not 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.pruning.masked_kernels import prunable_kernels
from tf_lottery.training.engine import Engine

LAYERS = ("kernel", "kept", "total", "std", "nonzero_inputs")  # columns


def layer_rows(engine: Engine) -> list[dict[str, Any]]:
    """Return a row for each kernel of the network in the engine.

    `std` is of the weights that are kept, of which quality parameters are multiples. `nonzero_inputs` is measured on
    validation data; times kept / total it is the share of multiply-adds that is left (Han et al. 2015, section 3).
    """
    rows = []
    for (name, kernel, mask), nonzero in zip(
        prunable_kernels(engine.model), engine.nonzero_inputs("validation"), strict=True
    ):
        keeps = mask.numpy() != 0
        kept = kernel.numpy()[keeps].astype(np.float64)
        values = {
            "kept": int(keeps.sum()),
            "total": keeps.size,
            "std": float(kept.std()) if kept.size else 0.0,
            "nonzero_inputs": round(nonzero, 9),
        }
        rows.append({"kernel": name} | values)
    return rows
