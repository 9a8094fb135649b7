"""Which of an optimizer's variables belong to which weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tf_lottery.lazy_tf import keras, tf


def unscaled(optimizer: Any) -> Any:
    """Return the optimizer itself, without the loss scale that Keras puts around it in mixed_float16."""
    scaled = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    return optimizer.inner_optimizer if scaled else optimizer


def index_of(optimizer: Any) -> dict[Any, int]:
    """Return the place of each weight in the lists of slots, by Keras' key of it; empty before the first step.

    These are the weights that were trainable then: some may have been frozen since.
    """
    return dict(getattr(optimizer, "_index_dict", {})) if getattr(optimizer, "_built", False) else {}


def slots_by_kind(optimizer: Any, trainable: list[Any]) -> dict[str, list[Any]]:
    """Return an optimizer's slots, a list in the order of the trainable variables for each kind.

    Keras' optimizers keep each kind as a list attribute, such as `_momentums` and `_velocities` of Adam; names of the
    variables themselves depend on where they were made, and repeat where models are inside models.

    Args:
        optimizer: Any but a legacy one; none of its slots are found, for they have no kinds in an order.
        trainable: Variables that it was built for; it may have been built for more.

    Raises:
        ValueError: It was not built for one of them.
    """
    optimizer = unscaled(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return {}
    places = index_of(optimizer)
    kinds = _lists(optimizer, len(places))
    unknown = [variable.name for variable in trainable if optimizer._var_key(variable) not in places]
    if kinds and unknown:
        raise ValueError(
            f"the optimizer knows nothing of {', '.join(unknown[:3])}: it was frozen at the first step. Expected the "
            "weights that are trainable since then; call model.compile with a new optimizer after thawing a layer."
        )
    return {
        kind: [slots[places[optimizer._var_key(variable)]] for variable in trainable] for kind, slots in kinds.items()
    }


def slots_of(model: Any) -> dict[Any, list[Any]]:
    """Return for each variable that is or was trained (its `ref()`) the slots in its shape.

    Empty lists for a model that is not compiled, or whose optimizer has no variables yet.
    """
    found: dict[Any, list[Any]] = {variable.ref(): [] for variable in model.trainable_variables}
    optimizer = unscaled(getattr(model, "optimizer", None))
    for variable in model.variables:
        slots = [slot for slot in _slots_of_variable(optimizer, variable) if slot.shape == variable.shape]
        if slots:
            found[variable.ref()] = slots
    return found


def weight_of_slots(optimizer: Any, weights: list[Any]) -> dict[int, Any]:
    """Return the weight that each slot in its shape belongs to, by the slot's `id`."""
    places = index_of(optimizer)
    known = {places[key]: weight for weight in weights if (key := optimizer._var_key(weight)) in places}
    return {
        id(slots[place]): weight
        for slots in _lists(optimizer, len(places)).values()
        for place, weight in known.items()
        if slots[place].shape == weight.shape
    }


def unlisted(optimizer: Any) -> Iterator[tuple[str, Any]]:
    """Yield variables that an optimizer has beside those it lists, such as Nadam's `_u_product`, with their names.

    Not its learning rate: one that is a plain number has a name of its own, the present one is computed in each step.
    """
    listed = {id(variable) for variable in optimizer.variables}
    for name, value in vars(optimizer).items():
        if name in ("_learning_rate", "_current_learning_rate") or id(value) in listed:
            continue
        if isinstance(value, tf.Variable):
            yield name.strip("_"), value


def _slots_of_variable(optimizer: Any, variable: Any) -> list[Any]:
    if isinstance(optimizer, keras.optimizers.legacy.Optimizer):
        return list(optimizer._slots.get(variable._unique_id, {}).values())
    places = index_of(optimizer)
    place = places.get(optimizer._var_key(variable)) if places else None
    return [] if place is None else [slots[place] for slots in _lists(optimizer, len(places)).values()]


def _lists(optimizer: Any, length: int) -> dict[str, list[Any]]:
    """Return the lists of slots by kind."""
    own = {id(variable) for variable in optimizer.variables}
    return {
        name.strip("_"): list(values)
        for name, values in vars(optimizer).items()
        if name != "_variables"
        and isinstance(values, list)
        and len(values) == length > 0
        and all(id(value) in own for value in values)
    }
