"""Which data set it is, by the examples themselves: however they are packed, and in whatever order."""

from __future__ import annotations

import hashlib

import numpy as np

from tf_lottery.datasets.dataset import DamagedDataError, Found, Parts
from tf_lottery.datasets.known import DATASETS


def digest(parts: Parts) -> str:
    """Return 64 hexadecimal digits that tell these training and held-out examples from any others.

    Their order is not in it: TensorFlow Datasets has another one than the original files. (`Splits.digest` has the
    order, for results depend on it.) It takes 0.3 s for 60,000 images of 28x28.
    """
    whole = hashlib.sha256()
    for images, labels in parts:
        rows = np.ascontiguousarray(images).reshape(len(images), -1)
        examples = (
            hashlib.sha256(int(label).to_bytes(4, "little") + row.tobytes()).digest()
            for row, label in zip(rows, labels, strict=True)
        )
        whole.update(hashlib.sha256(b"".join(sorted(examples))).digest())
    return whole.hexdigest()


def check(name: str, found: Found, parts: Parts) -> None:
    """Check that what was found and read is the dataset of this name.

    Raises:
        DamagedDataError: It is another one, or none that is known.
    """
    expected = DATASETS[name].examples_digest
    if expected is None or (actual := digest(parts)) == expected:
        return
    for other, row in DATASETS.items():
        if row.examples_digest == actual:
            raise DamagedDataError(
                f"{found.where}: these files are {other}, not {name}. Use --dataset={other}, or name a folder that "
                f"has {name} with --data_dir."
            )
    raise DamagedDataError(
        f"{found.where}: these files are not {name}: the SHA-256 of their examples is {actual[:16]}..., expected "
        f"{expected[:16]}.... Get the original files anew; data of your own need a row with a name of their own "
        "(docs/architecture.md, To add)."
    )
