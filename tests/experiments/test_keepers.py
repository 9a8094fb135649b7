"""What a stage keeps of each epoch, on an engine that trains for real."""

import numpy as np
import pytest

from tf_lottery import checkpoint
from tf_lottery.datasets import registry
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.background import BackgroundWriter
from tf_lottery.experiments.keepers import METRICS, EpochKeeper, Going, PointKeeper, going_path
from tf_lottery.experiments.store import point_path
from tf_lottery.networks.recipes import resolve
from tf_lottery.networks.registry import find
from tf_lottery.training.engine import Engine
from tf_lottery.training.randomness import Draws
from tf_lottery.training.tensorboard_log import TensorBoardLog

ENDS = (0, 5, 9, 12)
RATES = np.array([0.5] * 5 + [0.4] * 3 + [0.3] + [0.2] * 2 + [0.1], np.float32)  # changes at and within epochs
DRAWS = Draws(seed=0, trial=1, depth=0)


@pytest.fixture(scope="module")
def engine():
    training = resolve("lenet_digits", examples=1297, epochs=1, batch_size=32)
    return Engine(find("lenet_300_100_x0.1"), DATASETS["digits"], registry.load("digits"), training)


def train(engine, folder, writer, history, points=()):
    log = TensorBoardLog(folder)
    keeper = EpochKeeper(
        engine=engine, writer=writer, folder=folder, ends=ENDS, rates=RATES, batch_size=32,
        going=Going(step=0, history=history, pruned={}), environment={"threads": 1}, log=log, checkpoint_seconds=0.0,
        report=lambda *_: None,
    )  # fmt: skip
    kept = PointKeeper(engine, writer, folder, ENDS, frozenset(points))
    engine.put_fresh_state(DRAWS, keep_masks=False)
    engine.train(rates=RATES, ends=ENDS, from_step=0, draws=DRAWS, callbacks=[kept, keeper])
    log.close()


def test_a_row_of_metrics_has_the_rate_of_its_epochs_last_step_and_the_measures_of_its_end(engine, tmp_path):
    history, measured = [], []
    (tmp_path / "points").mkdir()
    with BackgroundWriter() as writer:
        train(engine, tmp_path, writer, history, points=(5, 12))
    assert [tuple(row) for row in history] == [METRICS] * 3
    assert [(row["epoch"], row["step"]) for row in history] == [(1, 5), (2, 9), (3, 12)]
    assert [row["learning_rate"] for row in history] == [0.5, 0.3, 0.1]
    for step in (5, 12):
        arrays, metadata = checkpoint.read(point_path(tmp_path, step))
        assert metadata["step"] == step
        engine.put_state(arrays, keep_masks=False)
        measured.append(engine.evaluate("validation"))
    assert [measured[0].accuracy, measured[1].accuracy] == pytest.approx(
        [history[0]["validation_accuracy"], history[2]["validation_accuracy"]], abs=1e-6  # seven digits are kept
    )  # fmt: skip
    assert {path.name for path in (tmp_path / "points").iterdir()} == {
        "step_00000005.safetensors",
        "step_00000012.safetensors",
    }


def test_a_checkpoint_has_the_history_of_its_step_however_late_it_is_written(engine, tmp_path):
    """The next epoch ends while it is still to be written."""
    written = []

    class Late(BackgroundWriter):
        def write(self, path, arrays, metadata):
            written.append((path, arrays, metadata))

    with Late() as writer:
        train(engine, tmp_path, writer, [])
    assert [path for path, _, _ in written] == [going_path(tmp_path)] * 3
    for (_, arrays, metadata), epochs in zip(written, (1, 2, 3), strict=True):
        assert metadata["step"] == ENDS[epochs]
        assert [row["step"] for row in metadata["history"]] == list(ENDS[1 : epochs + 1])
        assert metadata["environment"] == {"threads": 1}
        engine.put_state(arrays, keep_masks=False)
        assert engine.iterations == ENDS[epochs]
