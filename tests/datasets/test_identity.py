import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tf_lottery.datasets import known, registry
from tf_lottery.datasets.dataset import DamagedDataError, Found, Split
from tf_lottery.datasets.identity import check, digest

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
has_fashion_mnist = pytest.mark.skipif(not DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed")


def parts(seed=0, counts=(20, 10), shape=(28, 28, 1)):
    generator = np.random.default_rng(seed)
    return tuple(
        Split(
            generator.integers(0, 256, (count, *shape)).astype(np.uint8),
            generator.integers(0, 10, count).astype(np.int32),
        )
        for count in counts
    )


def shuffled(part, seed=1):
    order = np.random.default_rng(seed).permutation(len(part.labels))
    return Split(part.images[order], part.labels[order])


def test_the_digest_is_of_the_examples_in_any_order_and_layout_and_of_nothing_else():
    train, held_out = parts()
    found = digest((train, held_out))

    def by_hand(part):
        one_by_one = [
            hashlib.sha256(struct.pack("<i", label) + bytes(image.ravel().tolist())).digest()
            for image, label in zip(part.images, part.labels, strict=True)
        ]
        return hashlib.sha256(b"".join(sorted(one_by_one))).digest()

    assert found == hashlib.sha256(by_hand(train) + by_hand(held_out)).hexdigest()
    assert digest((shuffled(train), shuffled(held_out))) == found
    assert digest((Split(np.asfortranarray(train.images), train.labels), held_out)) == found
    pixel, label, swapped = train.images.copy(), train.labels.copy(), train.labels.copy()
    pixel[3, 5, 7, 0] ^= 1
    label[3] = (label[3] + 1) % 10
    first, second = 0, int(np.flatnonzero(train.labels != train.labels[0])[0])
    swapped[[first, second]] = swapped[[second, first]]
    moved = (Split(train.images[:-1], train.labels[:-1]), held_out)
    others = [
        (Split(pixel, train.labels), held_out),
        (Split(train.images, label), held_out),
        (Split(train.images, swapped), held_out),
        (held_out, train),
        moved,
    ]
    assert len({found, *map(digest, others)}) == 1 + len(others)


@pytest.fixture
def two(monkeypatch):
    """Two known data sets of one shape, and what they hold."""
    held = {"mnist": parts(1), "fashion_mnist": parts(2)}
    for name, of in held.items():
        row = replace(known.DATASETS[name], train_examples=20, held_out_examples=10, examples_digest=digest(of))
        monkeypatch.setitem(known.DATASETS, name, row)
    return held


def write(folder, of, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for start, (images, labels) in zip(("train", "t10k"), of, strict=True):
        for kind, array in (("images-idx3-ubyte", images[..., 0]), ("labels-idx1-ubyte", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            content = header + array.astype(np.uint8).tobytes()
            path = folder / f"{start}-{kind}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
def test_a_data_set_is_taken_by_its_own_name_and_refused_by_anothers(two, tmp_path, packed):
    write(tmp_path, two["fashion_mnist"], packed)
    splits = registry.load("fashion_mnist", data_dir=str(tmp_path))
    assert np.array_equal(splits.train.images, two["fashion_mnist"][0].images)
    with pytest.raises(DamagedDataError) as error:
        registry.load("mnist", data_dir=str(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}: these files are fashion_mnist, not mnist. Use --dataset=fashion_mnist, or name a folder that has "
        "mnist with --data_dir."
    )


def test_examples_that_no_row_knows_are_refused_with_both_digests(two, tmp_path):
    unknown = parts(3)
    write(tmp_path, unknown)
    with pytest.raises(DamagedDataError) as error:
        registry.load("mnist", data_dir=str(tmp_path))
    assert digest(unknown)[:16] in str(error.value)
    assert digest(two["mnist"])[:16] in str(error.value)
    assert "a row with a name of their own" in str(error.value)


def test_the_same_examples_in_another_order_are_the_data_set(two):
    """As TensorFlow Datasets has them; their order is in the digest that results are compared by."""
    train, held_out = two["mnist"]
    found = Found(where="TensorFlow Datasets", read=lambda: (shuffled(train), shuffled(held_out)))
    check("mnist", found, found())
    row = known.DATASETS["mnist"]
    assert row.split(found()).digest != row.split((train, held_out)).digest


def test_every_known_data_set_has_a_digest_of_its_own():
    # Where validation is drawn from the training part, it is another row's data, divided otherwise.
    digests = [row.examples_digest for row in known.DATASETS.values() if not row.drawn_validation]
    assert len(set(digests)) == len(digests)
    assert all(len(found) == 64 for found in digests)


def test_the_digits_and_their_division_are_those_of_ever():
    assert registry.load("digits").digest == "0e7be7d2"


@has_fashion_mnist
def test_the_real_fashion_mnist_is_not_taken_for_mnist():
    with pytest.raises(DamagedDataError, match="these files are fashion_mnist, not mnist"):
        registry.load("mnist", data_dir=str(DEBIAN))
