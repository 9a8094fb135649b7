import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras
from tf_lottery.pruning.export import ExportError
from tf_lottery.pruning.flops import flops, parameters

layers = keras.layers


@pytest.fixture(scope="module")
def model():
    made = keras.Sequential([layers.Dense(300, activation="relu", input_shape=(64,)), layers.Dense(10)])
    made = tl.prunable(made)
    made.compile("adam", "mse")
    made.fit(np.random.default_rng(0).normal(size=(64, 64)), np.zeros((64, 10)), verbose=0)
    tl.prune(made, 0.05)
    return made


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("name", ["small.keras", "small.h5", "small"])
def test_an_exported_model_is_plain_smaller_and_the_same(model, tmp_path, capsys, name):
    report = tl.export(model, tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name)
    x = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert not hasattr(loaded.layers[0], "pruning_vars")
    total = 64 * 300 + 300 + 3000 + 10
    assert report.before.parameters == report.after.parameters == total
    assert report.after.nonzero_parameters == parameters(model).nonzero < 0.1 * total
    assert report.after.bytes < report.before.bytes
    assert report.after.compressed_bytes < 0.35 * report.after.bytes
    printed = capsys.readouterr().out
    for words in ("parameters", "nonzero parameters", "bytes", "compressed bytes", "before", "after"):
        assert words in printed
    assert f"{report.after.compressed_bytes:,}" in printed


def test_an_export_that_predicts_otherwise_is_an_error(tmp_path):
    class Forgets(layers.Dense):
        """Multiplies by a number that its configuration leaves out."""

        factor = 1.0

        def call(self, x):
            return super().call(x) * self.factor

    keras.utils.get_custom_objects()["Forgets"] = Forgets
    plain = keras.Sequential([layers.Dense(4, input_shape=(3,)), Forgets(2)])
    model = tl.prunable(plain)
    model.layers[-1].factor = 3.0
    with pytest.raises(ExportError, match="predictions differ"):
        tl.export(model, tmp_path / "a.keras")


def test_flops_count_zero_weights_as_nothing(model):
    costs = flops(model)
    assert costs.dense == 2 * (64 * 300 + 3000) + 300 + 10 + 2 * 300
    kept = tl.prune(model, 0.05).kept
    assert costs.effective == 2 * kept + 300 + 10 + 2 * 300


def test_convolutions_cost_an_addition_for_each_position():
    made = tl.prunable(
        keras.Sequential(
            [
                layers.Conv2D(4, 3, use_bias=False, input_shape=(8, 8, 2)),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        )
    )
    assert flops(made).dense == 36 * (72 + 4 * 4)
    kept = tl.prune(made, 0.25).kept
    assert flops(made).effective == 36 * (kept + 4 * 4)
