"""What results were made with: of one table the data must be the same; the rest may differ, and is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tf_lottery.experiments.store import StoreError

Record = Mapping[str, Any]  # what an engine says of itself


class OtherDataError(StoreError):
    """Results of a store were made from other data than those at hand, or than one another."""


def differences(records: Iterable[Record]) -> str:
    """Return in words in what these environments differ, "" if in nothing; what some do not tell is not compared."""
    values: dict[str, dict[str, None]] = {}
    for record in records:
        for name, value in record.items():
            values.setdefault(name, {})[str(value) or "none"] = None
    return "; ".join(f"{name}: {', '.join(found)}" for name, found in sorted(values.items()) if len(found) > 1)


def check_data(made: str, record: Record, here: Record) -> None:
    """Check that something was made from the data that are here.

    Args:
        made: What it is, at the beginning of a sentence.
        record: The environment that it was made in.
        here: The present one.

    Raises:
        OtherDataError: Both tell a digest of their data, and these differ.
    """
    if "data" in record and record["data"] != here["data"]:
        raise OtherDataError(
            f"{made} was made from other data (digest {record['data']}) than are here (digest {here['data']}), or from "
            "the same in another order. Name the folder of the former with --data_dir, or choose another --output_dir."
        )


def check_one_data(results: Iterable[Mapping[str, Any]]) -> None:
    """Check that all results on a dataset were made from the same data.

    Raises:
        OtherDataError: They were not; each digest is named with a stage.
    """
    examples: dict[str, dict[str, str]] = {}  # dataset -> digest -> a stage
    for result in results:
        if "data" in (record := result.get("environment_record", {})):
            examples.setdefault(result["dataset"], {}).setdefault(record["data"], result["stage"])
    for dataset, stages in examples.items():
        if len(stages) > 1:
            told = " and ".join(f"{digest} (such as {stage})" for digest, stage in stages.items())
            raise OtherDataError(
                f"the results on {dataset} were made from different data, or from the same in different orders: "
                f"digests {told}. Expected one digest in a store: move the folders of the others out of its stages."
            )
