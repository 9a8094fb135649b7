"""The examples that criteria look at, from a user's data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tf

# (how many, at most) -> inputs and labels, arrays or structures of them [examples, ...]; the same ones each time
Draw = Callable[[int], tuple[Any, Any]]


def drawn_from(data: Any, seed: int) -> Draw:
    """Return what draws examples from a user's data.

    Args:
        data: (inputs, labels), arrays or structures of them, from which they are drawn at random; or a tf.data.Dataset
            of batches of such pairs, of which the first are taken.
        seed: For the random draw.

    Raises:
        TypeError: Other data.
        ValueError: No examples, or not as many labels as inputs.
    """
    if isinstance(data, tf.data.Dataset):
        return lambda count: _first(data, count)
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(
            f"data is {type(data).__name__}; expected (inputs, labels), two arrays, or a tf.data.Dataset of batches of "
            "such pairs."
        )
    inputs, labels = (tf.nest.map_structure(np.asarray, part) for part in data)
    sizes = {len(array) if array.ndim else 0 for part in (inputs, labels) for array in tf.nest.flatten(part)}
    if len(sizes) != 1 or sizes == {0}:
        told = " and ".join(f"{size:,}" for size in sorted(sizes)) or "no"
        raise ValueError(f"data hold {told} examples; expected one or more, and as many labels as inputs.")
    (size,) = sizes

    def draw(count: int) -> tuple[Any, Any]:
        generator = np.random.Generator(np.random.Philox(key=seed))
        places = generator.permutation(size)[:count]
        return (
            tf.nest.map_structure(lambda array: array[places], inputs),
            tf.nest.map_structure(lambda array: array[places], labels),
        )

    return draw


def _first(data: Any, count: int) -> tuple[Any, Any]:
    batches, seen = [], 0
    for element in data:
        if not isinstance(element, (tuple, list)) or len(element) != 2:
            raise TypeError("data gives elements that are no pairs; expected batches of (inputs, labels).")
        batches.append(tf.nest.map_structure(np.asarray, tuple(element)))
        seen += len(tf.nest.flatten(batches[-1])[0])
        if seen >= count:
            break
    if not batches:
        raise ValueError("data hold no examples; expected one or more.")
    inputs, labels = tf.nest.map_structure(lambda *arrays: np.concatenate(arrays)[:count], *batches)
    return inputs, labels
