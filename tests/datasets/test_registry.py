import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_lottery.datasets import registry
from tf_lottery.datasets.dataset import MissingDataError
from tf_lottery.datasets.known import DATASETS

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def test_digits_are_split_in_every_class_alike():
    splits = registry.load("digits")
    assert [len(split.labels) for split in splits] == [1297, 100, 400]
    held_out = np.concatenate([splits.validation.labels, splits.test.labels])
    assert np.bincount(held_out).tolist() == [50] * 10
    everything = np.concatenate([split.images.reshape(-1, 64) for split in splits])
    assert len(np.unique(everything, axis=0)) == 1797  # no image is in two splits


def test_the_normalisation_of_digits_is_that_of_its_training_images():
    row, splits = DATASETS["digits"], registry.load("digits")
    pixels = splits.train.images / row.peak
    assert row.mean == pytest.approx(pixels.mean(), abs=1e-3)
    assert row.std == pytest.approx(pixels.std(), abs=1e-3)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_is_found_without_any_flag():
    row, splits = DATASETS["fashion_mnist"], registry.load("fashion_mnist")
    assert [len(split.labels) for split in splits] == [60_000, 2_000, 8_000]
    assert splits.digest == "fbf8586c"  # what stores of finished runs are compared by
    assert np.bincount(splits.train.labels).tolist() == [6_000] * 10
    pixels = splits.train.images / row.peak
    assert row.mean == pytest.approx(pixels.mean(), abs=1e-4)
    assert row.std == pytest.approx(pixels.std(), abs=1e-4)


def test_missing_data_name_the_places_and_both_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_LOTTERY_DATA_DIR", str(tmp_path / "from_environment"))
    with pytest.raises(MissingDataError) as error:
        registry.find("cifar10", data_dir=str(tmp_path / "from_flag"))
    message = str(error.value)
    assert message.index("from_flag") < message.index("from_environment") < message.index("/usr/share/datasets")
    assert "--data_dir" in message
    assert "--download" in message


def test_what_tensorflow_datasets_prepared_is_found_last_and_told_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("tf_lottery.datasets.places._SHARED", ())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    prepared = tmp_path / "mnist/3.0.1/dataset_info.json"
    prepared.parent.mkdir(parents=True)
    prepared.write_text("{}")
    row, found = registry.find("mnist", data_dir=str(tmp_path))
    assert (row, found.where) == (DATASETS["mnist"], str(tmp_path))
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"mnist/{name}-ubyte").write_text("")
    _, found = registry.find("mnist", data_dir=str(tmp_path))
    assert found.where == str(tmp_path / "mnist")


def test_looking_for_data_does_not_import_tensorflow(tmp_path):
    code = (
        "import sys; from tf_lottery.datasets import registry\n"
        f"try: registry.find('cifar10', data_dir={str(tmp_path)!r})\n"
        "except Exception as error: assert type(error).__name__ == 'MissingDataError'\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_paper_s_split_is_2000_to_8000_and_always_the_same():
    row = DATASETS["cifar10"]
    images = np.zeros((row.train_examples, *row.shape), np.uint8)
    labels = np.arange(row.held_out_examples, dtype=np.int32) % 10
    from tf_lottery.datasets.dataset import Split

    marks = np.zeros((row.held_out_examples, *row.shape), np.uint8)
    marks[:, 0, 0, 0] = np.arange(row.held_out_examples) % 251
    parts = (Split(images, np.zeros(row.train_examples, np.int32)), Split(marks, labels))
    first, second = row.split(parts), row.split(parts)
    assert [len(split.labels) for split in first] == [50_000, 2_000, 8_000]
    assert np.array_equal(first.test.images, second.test.images)
    # Published accuracies are multiples of 1/2,000 and 1/8,000; which images go where is our own, and must not move.
    assert first.validation.images[:5, 0, 0, 0].tolist() == EXPECTED_FIRST_FIVE


EXPECTED_FIRST_FIVE = [4, 8, 16, 18, 23]
