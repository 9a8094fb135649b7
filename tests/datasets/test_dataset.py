"""What a row of the table of datasets refuses, and how it divides what it takes."""

from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import DamagedDataError, Dataset, Split
from tf_lottery.datasets.known import DATASETS

ROW = Dataset(
    shape=(2, 2, 1), classes=3, train_examples=6, held_out_examples=10, normalisation="mean_std", find=lambda *_: None
)


def part(count, shape=(2, 2, 1), labels=None):
    images = np.arange(count * np.prod(shape), dtype=np.uint8).reshape(count, *shape)
    return Split(images, np.array(labels if labels is not None else np.arange(count) % 3, np.int32))


TRAIN, HELD_OUT = part(6), part(10)


@pytest.mark.parametrize(
    ("train", "held_out", "told"),
    [
        (part(5), HELD_OUT, "the train images have shape"),
        (part(6, (2, 3, 1)), HELD_OUT, "expected 6 images of"),
        (part(6, labels=[0, 1, 2, 0, 1]), HELD_OUT, "and 5 labels; expected 6"),
        (Split(TRAIN.images, TRAIN.labels[:, None]), HELD_OUT, "the train images have shape"),
        (part(6, labels=[0, 1, 2, 0, 1, 3]), HELD_OUT, "train labels go from 0 to 3; expected 0 to 2"),
        (part(6, labels=[0, 1, 2, 0, 1, -1]), HELD_OUT, "train labels go from -1 to 2; expected 0 to 2"),
        (TRAIN, part(9), "the test images have shape"),
        (TRAIN, part(10, labels=[0] * 9), "and 9 labels; expected 10"),
        (TRAIN, part(10, labels=[0] * 9 + [3]), "test labels go from 0 to 3; expected 0 to 2"),
    ],
)
def test_parts_of_another_size_shape_or_labels_are_refused_with_what_is_wrong(train, held_out, told):
    with pytest.raises(DamagedDataError) as met:
        ROW.split((train, held_out))
    assert told in str(met.value)
    assert "Replace the files" in str(met.value)


def test_a_fifth_of_what_is_held_out_validates_and_the_rest_tests():
    train, validation, test = ROW.split((TRAIN, HELD_OUT))
    assert train is TRAIN
    assert [len(split.labels) for split in (validation, test)] == [2, 8]
    for split in (validation, test):
        places = split.images[:, 0, 0, 0] // 4  # in the held-out part
        assert (np.diff(places) > 0).all()  # in its order
        assert split.labels.tolist() == HELD_OUT.labels[places].tolist()
    both = np.concatenate([validation.images, test.images])
    assert sorted(both[:, 0, 0, 0]) == HELD_OUT.images[:, 0, 0, 0].tolist()


def test_validation_is_drawn_from_the_training_part_where_the_row_says_so_and_all_that_is_held_out_tests():
    row = replace(ROW, train_examples=4, drawn_validation=2)
    train, validation, test = row.split((TRAIN, HELD_OUT))
    assert test is HELD_OUT
    assert [len(split.labels) for split in (train, validation)] == [4, 2]
    places = [split.images[:, 0, 0, 0] // 4 for split in (train, validation)]
    assert all((np.diff(place) > 0).all() for place in places)
    assert sorted(np.concatenate(places)) == list(range(6))
    for place, split in zip(places, (train, validation), strict=True):
        assert split.labels.tolist() == TRAIN.labels[place].tolist()
    with pytest.raises(DamagedDataError, match="expected 6 images"):
        row.split((part(4), HELD_OUT))


@pytest.mark.parametrize("name", ["mnist_55000", "cifar10_45000", "cifar10_45000_plain"])
def test_splits_of_the_lottery_ticket_paper_are_of_the_same_files_and_of_its_sizes(name):
    row, original = DATASETS[name], DATASETS[name.partition("_")[0]]
    assert (row.drawn_validation, row.held_out_examples) == (5_000, 10_000)
    assert row.in_train_files == original.in_train_files == original.train_examples
    assert (row.examples_digest, row.shape, row.tfds_name) == (
        original.examples_digest,
        original.shape,
        original.tfds_name,
    )
