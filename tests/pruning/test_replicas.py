"""Masks under tf.distribute, in a process of its own: devices cannot be divided once TensorFlow has used them."""

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.pruning.masked_kernels import prunable_kernels

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
keras.mixed_precision.set_global_policy(POLICY)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = keras.Sequential([
        keras.layers.Dense(6, input_shape=(4,)), keras.layers.Dense(2, kernel_constraint="max_norm", dtype="float32")
    ])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.5), "mse")
x, y = np.random.default_rng(0).normal(size=(12, 4)), np.zeros((12, 2))
model = tl.prunable(model)  # outside of the scope: the copy is in it all the same
looks = []

class Watch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        looks.append(look())

def look():
    replicas = [(part, mask) for _, weight, mask in prunable_kernels(model)
                for part in getattr(weight, "_variable", weight).values]
    assert len(replicas) == 4
    return sum(int(np.count_nonzero(part.numpy()[mask.numpy() == 0])) for part, mask in replicas)

model.fit(x, y, batch_size=4, verbose=0)
kept = tl.prune(model, 0.4).kept
model.fit(x, y, batch_size=4, epochs=2, callbacks=[Watch()], verbose=0)
assert looks == [0] * 6 and look() == 0, looks
plain = tl.strip(model)
assert np.array_equal(plain(x), model(x))
assert sum(np.count_nonzero(layer.kernel) for layer in plain.layers) == kept
"""


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_masks_hold_on_every_replica_and_in_the_averages(policy):
    program = PROGRAM.replace("POLICY", repr(policy))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
