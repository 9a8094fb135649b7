"""All datasets by name: what they are, before anything is looked for."""

from __future__ import annotations

from tf_lottery.datasets import cifar, digits, idx
from tf_lottery.lookup import merge

DATASETS = merge("dataset", digits.DATASETS, idx.DATASETS, cifar.DATASETS)
