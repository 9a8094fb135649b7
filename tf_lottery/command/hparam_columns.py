"""Which columns the HParams tab of TensorBoard has, of all that each stage tells about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tf_lottery.command.event_files import NAME, write_events

# Column of the tab (tf_lottery/experiments/results_row.py): the columns of the table that it tells.
_TOLD = {
    "density": ["density"],
    "pruning": ["schedule", "heuristic"],
    "retrain_epochs": ["retrain_epochs"],
    "run": ["training", "seed"],
    "technique": ["technique"],
    "trial": ["trial"],
}
_NUMBERS = ("density", "retrain_epochs", "trial")
_METRICS = {"result/test_accuracy": "test accuracy", "result/validation_accuracy": "validation accuracy"}


def columns(table: pd.DataFrame) -> list[str]:
    """Return those of the tab's columns in which the pruned networks of the table differ."""
    pruned = table[table.technique != "dense"]
    rows = pruned if len(pruned) else table
    return [name for name, told in _TOLD.items() if len(rows[told].drop_duplicates()) > 1]


def declare_columns(table: pd.DataFrame, folder: Path) -> None:
    """Tell TensorBoard the columns, in place of what was told before.

    Args:
        table: Results of one network and dataset.
        folder: The one to start TensorBoard on for them.

    Raises:
        OSError: It cannot be written.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    experiment: Any = api_pb2.Experiment()
    for name in columns(table):
        info = experiment.hparam_infos.add(name=name, differs=True)
        info.type = api_pb2.DATA_TYPE_FLOAT64 if name in _NUMBERS else api_pb2.DATA_TYPE_STRING
    for tag, shown in _METRICS.items():
        experiment.metric_infos.add(name={"tag": tag}, display_name=shown)
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, experiment=experiment)
    told = Summary.Value(
        tag=metadata.EXPERIMENT_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    write_events(folder, [(0, told)])
    for path in folder.glob("events.out.tfevents.*"):  # an older version's
        if path.name != NAME:
            path.unlink(missing_ok=True)
