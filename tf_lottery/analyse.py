"""`python -m tf_lottery.analyse STORE WHAT`: masks, weights and connectivity of the networks in a run store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from tf_lottery.checkpoint import DamagedCheckpointError
from tf_lottery.datasets.dataset import DamagedDataError, MissingDataError
from tf_lottery.experiments import mask_tables
from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.results_row import to_csv
from tf_lottery.experiments.spec import TrainSpec
from tf_lottery.experiments.store import Store, StoreError, write_text

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One analysis: its rows, and what of them is printed."""

    rows: Callable[[Store], Iterator[Row]]
    columns: tuple[str, ...]
    by: list[str]  # what is printed: means over all rows that are equal in these columns
    means: list[str]
    nothing: str  # why there may be no row, and what to do
    meaning: str


ANALYSES: Mapping[str, Analysis] = {
    "overlap": Analysis(
        rows=mask_tables.overlap_rows,
        columns=mask_tables.OVERLAP,
        by=["differ", "density_one", "density_other", "kernel"],
        means=["jaccard", "chance"],
        nothing="no two pruned networks differ in one thing only. Train several trials, levels or --controls.",
        meaning="Jaccard overlap of masks, and what chance gives: among trials, densities, ways to prune",
    ),
    "layers": Analysis(
        rows=mask_tables.layer_rows,
        columns=mask_tables.LAYERS,
        by=["technique", "heuristic", "schedule", "density", "kernel"],
        means=["layer_density"],
        nothing="no network is done. Run the experiment first.",
        meaning="density of each layer",
    ),
    "distance": Analysis(
        rows=mask_tables.distance_rows,
        columns=mask_tables.DISTANCE,
        by=["technique", "heuristic", "schedule", "retrain_epochs", "density", "kernel"],
        means=["distance", "relative_distance", "sign_changes"],
        nothing="of no network the start is kept. Run --strategy=weight_rewind, which keeps rewind points.",
        meaning="distance of the kept weights from their start, and which share of them changed its sign",
    ),
}
CONNECTIVITY, SHRUNK = "connectivity", "shrunk"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table into STORE/analyses/, print what is in it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tf_lottery.analyse", description=__doc__)
    parser.add_argument("store", type=Path, help="the --output_dir of a run")
    known = "; ".join(f"{name}: {row.meaning}" for name, row in ANALYSES.items())
    parser.add_argument(
        "what",
        choices=[*ANALYSES, SHRUNK, CONNECTIVITY],
        help=f"{known}; {SHRUNK}: parameters and FLOPs without the channels that nothing reads; {CONNECTIVITY}: the "
        "error along the line between copies of --data_order_seed",
    )
    parser.add_argument(
        "--latency", action="store_true", help=f"for {SHRUNK}: also measure one example in TFLite, on one thread"
    )
    parser.add_argument("--data_dir", help=f"for {CONNECTIVITY}: where the data are, as in the run")
    parser.add_argument(
        "--points", type=int, default=30, help=f"for {CONNECTIVITY}: networks on each line, ends included"
    )
    asked = parser.parse_args(argv)
    root: Path = asked.store
    if not (root / "stages").is_dir():
        return _complain(f"{root} is no run store: it has no folder stages. Expected the --output_dir of a run.", 2)
    if asked.points < 3:
        return _complain(f"--points={asked.points}: expected 3 or more, both ends included.", 2)
    try:
        store = Store(root)
        if asked.what == CONNECTIVITY:
            return _connectivity(store, root, asked.data_dir, asked.points)
        if asked.what == SHRUNK:
            return _analysis(_shrunk(latency=asked.latency), store, root / "analyses" / "shrunk.csv")
        return _analysis(ANALYSES[asked.what], store, root / "analyses" / f"{asked.what}.csv")
    except (StoreError, DamagedCheckpointError, DamagedDataError, MissingDataError) as error:
        return _complain(str(error), 2)


def _analysis(analysis: Analysis, store: Store, path: Path) -> int:
    rows = list(analysis.rows(store))
    if not rows:
        return _complain(f"{store.root}: {analysis.nothing}", 1)
    _write(path, rows, analysis.columns)
    frame = pd.DataFrame(rows)
    means = (
        frame.groupby(analysis.by, sort=False, dropna=False)[analysis.means]
        .mean()
        .assign(networks=frame.groupby(analysis.by, sort=False, dropna=False).size())
    )
    print(means.reset_index().to_string(index=False, float_format="{:.4f}".format))
    print(f"\ntable        {path}")
    return 0


def _shrunk(*, latency: bool) -> Analysis:
    from tf_lottery.experiments import shrunk_rows  # TensorFlow

    times = ["milliseconds", "shrunk_milliseconds"] if latency else []
    return Analysis(
        rows=partial(shrunk_rows.shrunk_rows, latency=latency),
        columns=shrunk_rows.SHRUNK,
        by=["network", "technique", "heuristic", "schedule", "retrain_epochs", "density"],
        means=["test_accuracy", "parameters_left", "flops_left", "shrunk_flops_left", *times],
        nothing="no network is done. Run the experiment first.",
        meaning="parameters and FLOPs without the channels that nothing reads",
    )


def _connectivity(store: Store, root: Path, data_dir: str | None, points: int) -> int:
    from tf_lottery.experiments import connectivity  # TensorFlow
    from tf_lottery.experiments.stage import StageRunner

    found = connectivity.pairs(store)
    if not found:
        return _complain(
            f"{root}: no two networks differ in nothing but the order of the data. Train them with "
            "--data_order_seed=1,2 and a technique that rewinds weights.",
            1,
        )
    runner = StageRunner(store, Execution(data_dir=data_dir), lambda *_: None)
    lines, summaries = list[Row](), list[Row]()
    for pair in found:
        told = pair.one.spec["dense"]
        dense = TrainSpec(training=pair.one.training, **{name: told[name] for name in _OF_TRAINING})
        rows = list(connectivity.line_rows(pair, store, runner.engine(dense), points))
        lines += rows
        summaries.append(connectivity.summary(rows, pair))
    _write(root / "analyses" / "connectivity.csv", lines, connectivity.COLUMNS)
    _write(root / "analyses" / "barriers.csv", summaries, connectivity.SUMMARY)
    shown = pd.DataFrame(summaries)[["trial", "rewind_step", "density", "barrier", "stable", "test_accuracy"]]
    shown = shown.assign(
        barrier=(100 * shown.barrier).map("{:.2f}".format),
        test_accuracy=(100 * shown.test_accuracy).map("{:.2f}".format),
    ).rename(columns={"barrier": "barrier [pp]", "test_accuracy": "test accuracy [%]"})
    print(shown.to_string(index=False))
    if lines[0]["batch_norm"] == "recomputed":
        most = f"{connectivity.BATCH_NORM_EXAMPLES:,}"
        print(f"batch norm's statistics were computed anew at each point, from up to {most} training examples")
    print(f"\ntable        {root / 'analyses' / 'barriers.csv'}, and connectivity.csv beside it")
    return 0


_OF_TRAINING = ("network", "dataset", "seed", "trial", "numerical_format")


def _write(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    write_text(path, to_csv(rows, columns))


def _complain(message: str, status: int) -> int:
    print(f"analyse: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
