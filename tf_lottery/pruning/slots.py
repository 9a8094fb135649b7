"""Which of an optimizer's variables belong to which weight."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import keras


def unscaled(optimizer: Any) -> Any:
    """Return the optimizer itself, without the loss scale that Keras puts around it in mixed_float16."""
    scaled = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    return optimizer.inner_optimizer if scaled else optimizer


def slots_by_kind(optimizer: Any, trainable: list[Any]) -> dict[str, list[Any]]:
    """Return an optimizer's slots, a list in the order of the trainable variables for each kind.

    Keras' optimizers keep each kind as a list attribute, such as `_momentums` and `_velocities` of Adam; names of the
    variables themselves depend on where they were made, and repeat where models are inside models.

    Args:
        optimizer: Any but a legacy one; none of its slots are found, for they come and go with the graph.
        trainable: The variables that it was built for.
    """
    optimizer = unscaled(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return {}
    own = {id(variable) for variable in optimizer.variables}
    return {
        name.strip("_"): list(values)
        for name, values in vars(optimizer).items()
        if name != "_variables"
        and isinstance(values, list)
        and len(values) == len(trainable) > 0
        and all(id(value) in own for value in values)
    }


def slots_of(model: Any) -> dict[Any, list[Any]]:
    """Return for each trainable variable (its `ref()`) the slots in its shape.

    Empty lists for a model that is not compiled, or whose optimizer has no variables yet.
    """
    trainable = list(model.trainable_variables)
    found: dict[Any, list[Any]] = {variable.ref(): [] for variable in trainable}
    for slots in slots_by_kind(getattr(model, "optimizer", None), trainable).values():
        for variable, slot in zip(trainable, slots, strict=True):
            if slot.shape == variable.shape:
                found[variable.ref()].append(slot)
    return found
