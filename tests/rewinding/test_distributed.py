"""Rewinding under tf.distribute: on the replicas of one process; among several processes it is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf


def test_one_and_two_replicas_rewind_and_hold_their_masks():
    program = Path(__file__).with_name("train_on_replicas.py")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held") == 2


class TwoWorkers:
    """What Keras has of a strategy of two processes, which wait for one another when the real one is made."""

    cluster_resolver = property(
        lambda self: tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": ["localhost:1", "localhost:2"]})
        )
    )


def test_several_processes_are_refused(tmp_path, monkeypatch):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    points = tl.RewindPoints(tmp_path, epochs=[0])
    monkeypatch.setattr(keras.Model, "distribute_strategy", TwoWorkers())
    for act in (points.keep, lambda model, epoch: tl.rewind_weights(model, points, epoch=epoch)):
        with pytest.raises(ValueError, match=r"TwoWorkers, by several processes .* expected one process. Use"):
            act(model, 0)
