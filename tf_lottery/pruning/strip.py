"""`strip(model)`: the plain Keras model, with zeros where masks were."""

from __future__ import annotations

from typing import Any

from tf_lottery.pruning.cloning import check_model, clone


def strip(model: Any) -> Any:
    """Return a plain Keras model of the same outputs, sharing nothing with the prunable one; not compiled.

    Args:
        model: Of `prunable`, or pruned by TF-MOT.

    Raises:
        TypeError: Not a Keras 2 model.
        ValueError: A subclassed model, or one without weights.
    """
    check_model(model)
    with model.distribute_strategy.scope():
        return clone(model, lambda layer, plain: plain)
