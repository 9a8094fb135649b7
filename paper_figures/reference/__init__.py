"""The published results that ship with the package: see README.md in this folder for where they are from."""

from __future__ import annotations

import gzip
import hashlib
import io
from importlib.resources import files
from importlib.resources.abc import Traversable

import pandas as pd

from tf_lottery.results import COLUMNS

# Of the uncompressed table. A changed digit anywhere is a different digest, and no figure is drawn from it.
SHA256 = "4539f2f0e13b67ea26d0480240c9f82681d6a1dbb2101b6238c0fbc3a496f81c"


def file() -> Traversable:
    """Return the file that ships."""
    return files(__name__) / "published.csv.gz"


def table() -> pd.DataFrame:
    """Return the published results of the reference networks in our columns; what was not published is empty.

    Raises:
        ValueError: The file is not the one that was released.
    """
    content = gzip.decompress(file().read_bytes())
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise ValueError(
            f"the published table that ships with paper_figures has the digest {found}, expected {SHA256}: it was "
            "changed or damaged. Install the package again, or give the authors' files with --published."
        )
    frame = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])
    frame[["heuristic", "schedule"]] = frame[["heuristic", "schedule"]].fillna("")
    frame[["training", "recipe", "stage", "environment"]] = ""
    return frame.reindex(columns=list(COLUMNS))
