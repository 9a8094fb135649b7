import numpy as np
import pytest

from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.trial_inputs import trial_inputs

layers = keras.layers


def first(*inputs, outputs):
    return next(trial_inputs(keras.Model(list(inputs), outputs)))


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_ids_are_those_that_the_smallest_reader_knows_and_not_all_the_same(dtype):
    x, y = keras.Input((50,), dtype=dtype), keras.Input((50,))
    inner = keras.Input((50,), dtype=dtype)
    inner = keras.Model(inner, layers.Embedding(4, 2)(inner))
    ids, numbers = first(
        x, y, outputs=[layers.Embedding(300, 2)(x), inner(layers.Reshape((50,))(x)), layers.Dense(1)(y)]
    )
    assert set(np.unique(ids)) == {0, 1, 2, 3}
    assert ids.dtype == x.dtype
    assert np.unique(numbers).size == 8 * 50


def test_bytes_are_those_of_pictures_and_other_integers_small():
    x, y = keras.Input((50,), dtype="uint8"), keras.Input((50,), dtype="int32")
    pictures, integers = first(x, y, outputs=[layers.Rescaling(1.0)(x), layers.Rescaling(1.0)(y)])
    assert np.max(pictures) > 200
    assert set(np.unique(integers)) == {0, 1}


def test_a_fixed_batch_size_is_kept_and_open_sizes_are_tried():
    x = keras.Input((None, 5, None, 2), batch_size=3)
    shapes = [tuple(batch.shape) for batch in trial_inputs(keras.Model(x, layers.Dense(1)(x)))]
    assert shapes[:3] == [(3, 32, 5, 32, 2), (3, 64, 5, 64, 2), (3, 128, 5, 128, 2)]
    assert (3, 8, 5, 8, 2) in shapes
    y = keras.Input((4,))
    assert {tuple(batch.shape) for batch in trial_inputs(keras.Model(y, layers.Dense(1)(y)))} == {(8, 4)}


def test_words_and_numbers_are_of_the_vocabulary_that_reads_them():
    x, y, z = keras.Input((9,), dtype="string"), keras.Input((9,), dtype="int64"), keras.Input((9,), dtype="string")
    words = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)(x)
    years = layers.IntegerLookup(vocabulary=[1990, 2001], num_oov_indices=0)(y)
    batch = first(x, y, z, outputs=[words, years, tf.strings.length(z)])
    assert set(batch[0].numpy().ravel()) == {b"a", b"b"}
    assert set(batch[1].numpy().ravel()) == {1990, 2001}
    assert batch[2].dtype == tf.string


def test_ragged_and_sparse_inputs_are_of_their_kind():
    x, y = keras.Input((None,), ragged=True), keras.Input((5,), sparse=True)
    ragged, sparse = first(x, y, outputs=[layers.Lambda(lambda x: x + 1)(x), layers.Dense(1)(y)])
    assert len(set(ragged.row_lengths().numpy())) > 1
    assert isinstance(sparse, tf.SparseTensor)
