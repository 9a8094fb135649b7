"""Which of an optimizer's variables belong to which weight."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tf_lottery.lazy_tf import keras


def slots_of(model: Any) -> dict[Any, dict[str, Any]]:
    """Return for each trainable variable (its `ref()`) its slots by kind, such as "m" and "v" of Adam.

    Empty for a model that is not compiled, or whose optimizer has no variables yet.
    """
    optimizer = getattr(model, "optimizer", None)
    trainable = model.trainable_variables
    found: dict[Any, dict[str, Any]] = {variable.ref(): {} for variable in trainable}
    if not isinstance(optimizer, keras.optimizers.Optimizer):  # none, or a legacy one
        return found
    # A slot is called KIND/WEIGHT, and those of one kind were made in the order of the trainable variables; names of
    # weights alone may repeat, where models are inside models.
    seen: Counter[str] = Counter()
    for variable in optimizer.variables:
        kind, _, of = variable.name.partition("/")
        if not of:
            continue
        index = seen[kind]
        seen[kind] += 1
        if index < len(trainable) and variable.shape == trainable[index].shape:
            found[trainable[index].ref()][kind] = variable
    return found
