"""What TensorBoard reads of what we write."""

import errno
import os
import resource
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata

from tf_lottery.lazy_tf import tf
from tf_lottery.training.tensorboard_log import TensorBoardLog

ROW = {"step": 7, "learning_rate": 0.1, "loss": 2, "accuracy": 0.5, "validation_loss": 3.0, "validation_accuracy": 0.25}


@pytest.fixture
def read(tmp_path):
    def read():
        events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
        events.Reload()
        return events

    return read


def test_a_folder_whose_name_is_no_text_gets_its_own_file(tmp_path):
    folder = tmp_path / os.fsdecode(b"byte_\xff")
    folder.mkdir()
    TensorBoardLog(folder).close()
    assert len(list(folder.iterdir())) == len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_the_systems_error_and_names_the_file(tmp_path):
    log = TensorBoardLog(tmp_path)
    (path,) = tmp_path.iterdir()

    def fill():
        for _ in range(100):
            log.epoch(ROW)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as met:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (met.value.errno, met.value.filename) == (errno.EFBIG, str(path))
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*none/events"):
        TensorBoardLog(tmp_path / "none")


def test_a_file_begins_with_the_version_of_its_format_and_events_have_the_time(tmp_path):
    before = time.time()
    log = TensorBoardLog(tmp_path)
    log.epoch(ROW)
    log.close()
    (path,) = tmp_path.iterdir()
    events = [event_pb2.Event.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(path))]
    assert events[0].file_version == "brain.Event:2"
    assert [event.step for event in events] == [0, ROW["step"]]
    assert all(before <= event.wall_time <= time.time() for event in events)


def test_scalars_masks_histograms_and_hparams_are_read_back(tmp_path, read):
    mask = np.zeros((3, 2, 4), np.uint8)
    mask[0, 1, 2] = 1
    kernel = np.full(mask.shape, 0.5, np.float32)
    log = TensorBoardLog(tmp_path)
    log.pruned({"a/kernel": kernel}, {"a/kernel": mask})
    log.epoch(ROW)
    log.result({"density": 0.5, "technique": "dense"}, {"test_accuracy": 0.75}, step=9, trial_id="trial_1/dense")
    log.close()
    events = read()

    def scalar(tag):
        (event,) = events.Tensors(tag)
        return event.step, float(tf.make_ndarray(event.tensor_proto))

    assert scalar("loss/train") == (7, 2)
    assert scalar("accuracy/validation") == (7, 0.25)
    assert scalar("density/all") == scalar("density_by_layer/a.kernel") == (0, np.float32(1 / 24))
    assert scalar("result/test_accuracy") == (9, 0.75)
    width, height, png = tf.make_ndarray(events.Tensors("masks/a.kernel")[0].tensor_proto)
    assert (width, height) == (b"4", b"6")
    assert np.array_equal(tf.io.decode_png(png)[:, :, 0], 255 * mask.reshape(6, 4))
    buckets = tf.make_ndarray(events.Tensors("kept_weights/a.kernel")[0].tensor_proto)
    assert buckets[:, 2].sum() == 1  # the weights that are kept
    assert set(events.PluginTagToContent(hparams_metadata.PLUGIN_NAME)) == {hparams_metadata.SESSION_START_INFO_TAG}


def test_an_empty_kernel_has_a_histogram_too(tmp_path, read):
    log = TensorBoardLog(tmp_path)
    log.pruned({"a": np.ones((2, 2), np.float32)}, {"a": np.zeros((2, 2), np.uint8)})
    log.close()
    assert "kept_weights/a" in read().Tags()["tensors"]


def test_a_log_begun_anew_replaces_the_old_one(tmp_path, read):
    for _ in range(2):
        log = TensorBoardLog(tmp_path)
        log.epoch(ROW)
        log.close()
    assert len(read().Tensors("loss/train")) == 1
