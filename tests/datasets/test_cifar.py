import io
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from tf_lottery.datasets.dataset import DamagedDataError
from tf_lottery.datasets.known import DATASETS

BATCH = 4
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture
def dataset():
    return replace(DATASETS["cifar10"], train_examples=5 * BATCH, held_out_examples=BATCH)


@pytest.fixture
def batches():
    generator = np.random.default_rng(0)
    return {
        name: (
            generator.integers(0, 256, (BATCH, 32, 32, 3), np.uint8),
            generator.integers(0, 10, BATCH, np.uint8),
        )
        for name in NAMES
    }


def as_python(images, labels):
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(BATCH, -1))
    return pickle.dumps({b"data": planes, b"labels": labels.tolist(), b"batch_label": b"some"}, protocol=2)


def as_binary(images, labels):
    return np.hstack([labels[:, None], images.transpose(0, 3, 1, 2).reshape(BATCH, -1)]).tobytes()


LAYOUTS = {
    "python": ("cifar-10-batches-py", "cifar-10-python.tar.gz", "", as_python),
    "binary": ("cifar-10-batches-bin", "cifar-10-binary.tar.gz", ".bin", as_binary),
}


def write(folder, batches, layout, packed):
    inside, archive, ending, encode = LAYOUTS[layout]
    files = {f"{inside}/{name}{ending}": encode(*batch) for name, batch in batches.items()}
    if packed:
        with tarfile.open(folder / archive, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return folder / archive
    (folder / inside).mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / inside


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_layout_gives_the_same_images(tmp_path, dataset, batches, layout, packed):
    write(tmp_path, batches, layout, packed)
    train, held_out = dataset.find(dataset, [tmp_path])()
    assert np.array_equal(train.images, np.concatenate([batches[name][0] for name in NAMES[:5]]))
    assert np.array_equal(train.labels, np.concatenate([batches[name][1] for name in NAMES[:5]]))
    assert np.array_equal(held_out.images, batches["test_batch"][0])


def test_a_pickle_that_would_run_code_is_refused(tmp_path, dataset, batches):
    class Harmful:
        def __reduce__(self):
            return (eval, ("1 / 0",))

    folder = write(tmp_path, batches, "python", packed=False)
    (folder / "data_batch_3").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(DamagedDataError, match=r"data_batch_3: it asks for builtins\.eval"):
        dataset.find(dataset, [tmp_path])()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cut_batch_a_missing_one_and_a_wrong_label_are_named(tmp_path, dataset, batches, layout):
    folder = write(tmp_path, batches, layout, packed=False)
    path = folder / f"data_batch_2{LAYOUTS[layout][2]}"
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(DamagedDataError, match="data_batch_2"):
        dataset.find(dataset, [tmp_path])()
    path.unlink()
    with pytest.raises(DamagedDataError, match="lacks data_batch_2"):
        dataset.find(dataset, [tmp_path])()
    images, labels = batches["data_batch_2"]
    path.write_bytes(LAYOUTS[layout][3](images, np.full_like(labels, 10)))
    with pytest.raises(DamagedDataError, match="label 10"):
        dataset.find(dataset, [tmp_path])()


def test_a_cut_archive_is_named(tmp_path, dataset, batches):
    path = write(tmp_path, batches, "binary", packed=True)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DamagedDataError, match=r"cifar-10-binary\.tar\.gz"):
        dataset.find(dataset, [tmp_path])()
