import os
import threading
import time

import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.latency import first_example, side_by_side

layers = keras.layers


def test_each_call_is_told_its_own_milliseconds():
    slow, fast = side_by_side([lambda: time.sleep(0.02), lambda: time.sleep(0.002)])
    assert 20 <= slow < 200
    assert 2 <= fast < slow


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not hold threads on a core")
def test_all_threads_are_on_one_core_meanwhile_and_where_they_were_afterwards():
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    # As what started this process has it: a measurement in a test before may have left this one on one core.
    before = [os.sched_getaffinity(os.getppid())] * 2
    assert [os.sched_getaffinity(0), os.sched_getaffinity(other.native_id)] == before
    seen = []
    side_by_side([lambda: seen.append((os.sched_getaffinity(0), os.sched_getaffinity(other.native_id)))])
    assert {len(core) for pair in seen for core in pair} == {1}
    assert [os.sched_getaffinity(0), os.sched_getaffinity(other.native_id)] == before
    with pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1 / 0])
    assert os.sched_getaffinity(0) == before[0]
    end.set()
    other.join()


def test_the_first_example_has_the_structure_of_the_batch():
    model = keras.Model(inputs := [keras.Input((3,), name="x"), keras.Input((2,), name="y")], inputs)
    given = {"x": np.arange(12).reshape(4, 3), "y": tf.sparse.from_dense([[1, 0], [0, 2]])}
    found = first_example(model, given)
    assert found["x"].tolist() == [[0, 1, 2]]
    assert tf.sparse.to_dense(found["y"]).numpy().tolist() == [[1, 0]]
    fixed = keras.Sequential([layers.Dense(1, batch_input_shape=(4, 3))])
    assert first_example(fixed, given["x"]) is given["x"]


@pytest.mark.parametrize("name", ["small.keras", "small.tflite"])
def test_a_model_of_a_fifth_of_the_units_is_faster(tmp_path, name):
    made = [layers.Dense(600, activation="relu", input_shape=(600,)), layers.Dense(600), layers.Dense(2)]
    made = tl.prunable(keras.Sequential(made))
    tl.prune(made, 0.05, heuristic="group_magnitude")
    report = tl.export(made, tmp_path / name, shrink=True, latency=True)
    before, after = report.milliseconds
    # In Keras, where a call costs more than the sums of such a small model, there is little to see.
    assert 0 < 2 * after < before if name == "small.tflite" else min(before, after) > 0
    assert f"ms for one example{before:>16.3g}{after:>14.3g}" in str(report)
    assert tl.export(made, tmp_path / name, shrink=True).milliseconds is None
