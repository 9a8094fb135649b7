"""Random inputs that a model can take, found by looking at what reads them and by trying."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.predictions import Predictions, predictions, reason_of, says_something

# Where a model leaves sizes open: larger ones, for strides and poolings, then smaller ones, for what has a longest.
# Not the smallest first: TensorFlow 2.21 on a CPU gives other numbers each time for padded images of one pixel.
_SIZES = (32, 64, 128, 256, 512, 16, 8)
_EXAMPLES, _FEW = 8, 2
_LARGE = 64  # from here on, few examples


def first_taken(model: Any) -> tuple[Any, Predictions]:
    """Return the first batch that the model takes and says something of, and its predictions.

    Raises:
        ValueError: It takes none.
    """
    refusals, silent = [], []
    for batch in trial_inputs(model):
        try:
            outputs = predictions(model, batch)
        except Exception as error:  # noqa: BLE001 - a layer may raise anything
            refusals.append(reason_of(error))
            continue
        if says_something(outputs):
            return batch, outputs
        silent.append((batch, outputs))
    if silent:
        return silent[-1]
    raise ValueError(
        f"{model.name} takes no random inputs ({refusals[0]}); expected some that it takes, to compare what is saved. "
        "Give a batch of your own: export(model, path, inputs=...)."
    )


def taken(model: Any, inputs: Any, argument: str = "inputs") -> tuple[Any, Predictions]:
    """Return a batch and its predictions: the given one, or if that is None the first that the model takes.

    Raises:
        ValueError: It takes none, or not the given one.
    """
    if inputs is None:
        return first_taken(model)
    try:
        return inputs, predictions(model, inputs)
    except Exception as error:
        raise ValueError(
            f"{argument}: the model cannot take them ({reason_of(error)}). Expected arrays as for `predict`."
        ) from error


def trial_inputs(model: Any) -> Iterator[Any]:
    """Yield batches in the structure that the model takes, each likelier than the next one to be taken.

    Numbers are normal; integers, and numbers that reach an Embedding or CategoryEncoding, are ids that the smallest of
    these knows; texts, and ids that reach a lookup layer, are of its vocabulary. A batch size that the model fixes is
    kept. If all that is refused, ids are 0 and 1, then 0.

    Args:
        model: A Sequential or functional one.
    """
    opened = any(size is None for tensor in model.inputs for size in tensor.shape[1:])
    for most, size in itertools.product((None, 2, 1), _SIZES if opened else _SIZES[:1]):
        generator = np.random.default_rng(0)
        draws = {id(tensor): _batch(tensor, _readers(model, tensor), size, most, generator) for tensor in model.inputs}
        yield tf.nest.map_structure(lambda tensor, draws=draws: draws[id(tensor)], model.input)


def _readers(model: Any, tensor: Any) -> list[Any]:
    """Return all layers that an input can reach, those inside models and blocks included."""
    reached, readers = {id(tensor)}, []
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if any(id(each) in reached for each in tf.nest.flatten(node.keras_inputs)):
                reached.update(id(each) for each in tf.nest.flatten(node.outputs))
                readers += [node.layer, *node.layer.submodules]
    return readers


def _batch(tensor: Any, readers: list[Any], size: int, most: int | None, generator: np.random.Generator) -> Any:
    examples = tensor.shape[0] or (_EXAMPLES if size <= _LARGE else _FEW)
    shape = [examples, *(each or size for each in tensor.shape[1:])]
    values = tf.cast(_values(tensor.dtype, shape, readers, most, generator), tensor.dtype)
    spec = tensor.type_spec
    if isinstance(spec, tf.SparseTensorSpec):
        return tf.sparse.from_dense(values)
    if isinstance(spec, tf.RaggedTensorSpec):
        lengths = generator.integers(1, size + 1, examples) if spec.ragged_rank == 1 else None
        return tf.RaggedTensor.from_tensor(values, lengths=lengths, ragged_rank=spec.ragged_rank)
    return values


def _values(dtype: Any, shape: list[int], readers: list[Any], most: int | None, generator: np.random.Generator) -> Any:
    if dtype == tf.string:
        return _texts(shape, readers, generator)
    if dtype == tf.bool:
        return generator.integers(0, 2, shape) > 0
    known = _vocabulary(readers, keras.layers.IntegerLookup)
    if known:
        return generator.choice(np.array(known), shape)
    ids = _ids(readers)
    if ids is None and (dtype.is_floating or dtype.is_complex):
        return generator.normal(size=shape)
    if ids is None:
        ids = 256 if dtype == tf.uint8 else 2  # a picture's bytes; nothing is known of other integers
    return generator.integers(0, min(ids, most or ids), shape)


def _ids(readers: list[Any]) -> int | None:
    """Return the number of ids that every reader of ids knows; None if there is no such reader."""
    layers = keras.layers
    sizes = [each.input_dim for each in readers if isinstance(each, layers.Embedding)]
    sizes += [each.num_tokens for each in readers if isinstance(each, layers.CategoryEncoding) and each.num_tokens]
    return min(sizes, default=None)


def _texts(shape: list[int], readers: list[Any], generator: np.random.Generator) -> Any:
    layers = keras.layers
    words = _vocabulary(readers, (layers.StringLookup, layers.TextVectorization)) or ["some", "words", "of", "nobody"]
    if not any(isinstance(each, layers.TextVectorization) for each in readers):
        return tf.constant(generator.choice(np.array(words, object), shape).tolist())
    lines = [" ".join(generator.choice(words, generator.integers(1, 9))) for _ in range(int(np.prod(shape)))]
    return tf.reshape(tf.constant(lines), shape)


def _vocabulary(readers: list[Any], kinds: Any) -> list[Any]:
    found = [each.get_vocabulary(include_special_tokens=False) for each in readers if isinstance(each, kinds)]
    return [word for vocabulary in found for word in vocabulary]
