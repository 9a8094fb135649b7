"""What the figures after Han et al. 2015 draw: functions from run stores to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .han_store import HanRun

# Their Figure 5, of AlexNet: line -> penalty, schedule, column.
LINES: Mapping[str, tuple[str, str, str]] = {
    "L2, no retraining": ("L2", "one_shot", "start_test_accuracy"),
    "L1, no retraining": ("L1", "one_shot", "start_test_accuracy"),
    "L1, retrained": ("L1", "one_shot", "test_accuracy"),
    "L2, retrained": ("L2", "one_shot", "test_accuracy"),
    "L2, pruned and retrained iteratively": ("L2", "iterative", "test_accuracy"),
}
TWELVEFOLD = 0.08  # of the weights, what they keep of both networks
_BINS = 100
# What they report (Tables 3 and 4, weights only; Table 1 for the errors): kept [%], FLOPs [%] by layer.
THEIRS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "lenet_300_100": {"hidden_1": (8, 8), "hidden_2": (9, 4), "logits": (26, 17), "all": (8, 8)},
    "lenet_5": {"conv_1": (66, 66), "conv_2": (12, 10), "hidden": (8, 6), "logits": (19, 10), "all": (8, 16)},
}
THEIR_ERRORS: Mapping[str, tuple[float, float]] = {"lenet_300_100": (1.64, 1.59), "lenet_5": (0.80, 0.77)}  # [%]
# Where a kernel of a convolution is used, on 28x28 images; a dense layer's once.
_POSITIONS = {("lenet_5", "conv_1"): 24 * 24, ("lenet_5", "conv_2"): 8 * 8}


def tradeoff(runs: Sequence[HanRun]) -> pd.DataFrame:
    """Return the change of test accuracy [pp] against the dense network with L2 of the same trial, over the trials.

    `pruned` is the share of the weights that is gone, the median over the trials.
    """
    rows = []
    for run in runs:
        base = run.dense().set_index("trial").test_accuracy
        for line, (penalty, schedule, column) in LINES.items():
            part = run.of(schedule, "sensitivity", penalty)
            part = part[part.trial.isin(base.index)]
            for density, cell in part.groupby("density"):
                change = 100 * (cell[column] - cell.trial.map(base))
                told = {"value": change.median(), "low": change.min(), "high": change.max(), "trials": len(cell)}
                where = {"network": run.network, "line": line, "density": density, "pruned": cell.pruned.median()}
                rows.append(where | told | {"error": 100 * (1 - cell[column].median())})
    order = {line: place for place, line in enumerate(LINES)}
    found = pd.DataFrame(rows)
    return found.sort_values(
        ["network", "line", "density"], key=lambda c: c.map(order) if c.name == "line" else c, ignore_index=True
    )


def sensitivity(runs: Sequence[HanRun]) -> pd.DataFrame:
    """Return the change of validation accuracy [pp] as each layer alone of the dense network is pruned.

    `kept` is the share of the layer's weights; medians over the trials, with lowest and highest change.
    """
    parts = []
    for run in runs:
        for trial, rows in run.of("one_shot", "sensitivity").groupby("trial"):
            scanned = run.sensitivity(rows.stage.iloc[0])  # all one-shot stages of a trial scan one network
            whole = scanned.groupby("kernel").accuracy.transform("first")
            parts.append(
                pd.DataFrame(
                    {
                        "network": run.network,
                        "layer": scanned.kernel.str.removesuffix("/kernel"),
                        "trial": trial,
                        "quality": scanned.quality,
                        "kept": scanned.kept / scanned.total,
                        "change": 100 * (scanned.accuracy - whole),
                    }
                )
            )
    every = pd.concat(parts, ignore_index=True)
    cells = every.groupby(["network", "layer", "quality"], sort=False)
    return cells.agg(
        kept=("kept", "median"),
        value=("change", "median"),
        low=("change", "min"),
        high=("change", "max"),
        trials=("trial", "nunique"),
    ).reset_index()


def histogram(run: HanRun) -> pd.DataFrame:
    """Return how many weights of a layer lie where, before pruning and, of those kept, after the iterative twelvefold.

    Of the largest layer, which is the first dense one of both networks, as in their figure; in the first trial.
    """
    after_stage = twelvefold(run).iloc[0]
    place = int(run.layers(after_stage.stage).total.argmax())
    before_stage = run.dense()[run.dense().trial == after_stage.trial].stage.iloc[0]
    before, _ = run.kernel(before_stage, place)
    weights, mask = run.kernel(after_stage.stage, place)
    after = weights[mask]
    reach = float(np.quantile(np.abs(after), 0.999))
    edges = np.linspace(-reach, reach, _BINS + 1)
    return pd.DataFrame(
        {
            "network": run.network,
            "from": edges[:-1],
            "to": edges[1:],
            "before": np.histogram(before, edges)[0],
            "after": np.histogram(after, edges)[0],
        }
    )


def mask_of_pixels(run: HanRun) -> pd.DataFrame:
    """Return how many connections each pixel of LeNet-300-100's images has left after the iterative twelvefold."""
    _, mask = run.kernel(twelvefold(run).stage.iloc[0], 0)
    side = round(mask.shape[0] ** 0.5)
    rows, columns = np.divmod(np.arange(mask.shape[0]), side)
    return pd.DataFrame({"row": rows, "column": columns, "kept": mask.sum(axis=1)})


def mask_positions(run: HanRun) -> pd.DataFrame:
    """Return the connections that are left of the first layer: pixel, from 0 by rows, and unit."""
    _, mask = run.kernel(twelvefold(run).stage.iloc[0], 0)
    pixels, units = np.nonzero(mask)
    return pd.DataFrame({"pixel": pixels, "unit": units})


def layer_table(runs: Sequence[HanRun]) -> pd.DataFrame:
    """Return kept weights, activations and multiply-adds by layer, and errors, beside those of Han et al.

    Of a layer FLOPs [%] are kept [%] times the share of its inputs that is not 0; of the network, that of its
    multiply-adds. Ways: the iterative chain by sensitivity at 8%, and, where it ran, each layer at what they kept of
    it. Medians over the trials.
    """
    rows = []
    for run in runs:
        for way, cells in {"by sensitivity": twelvefold(run), "their densities": _theirs(run)}.items():
            if len(cells):
                rows += _rows_of(run, way, cells)
    return pd.DataFrame(rows)


def twelvefold(run: HanRun) -> pd.DataFrame:
    """Return the networks of the iterative chain at 8%, by trial."""
    chain = run.of("iterative", "sensitivity")
    return chain[np.isclose(chain.density, TWELVEFOLD)]


def _theirs(run: HanRun) -> pd.DataFrame:
    """Return the last networks of each trial whose layers were pruned to the densities of Han et al."""
    by_layer = run.table[run.table.heuristic.str.startswith("layer_magnitude+by_layer")]
    return by_layer.loc[by_layer.groupby("trial").density.idxmin()]


def _rows_of(run: HanRun, way: str, cells: pd.DataFrame) -> list[dict[str, object]]:
    trials = pd.concat(
        [run.layers(stage).assign(trial=trial) for trial, stage in zip(cells.trial, cells.stage, strict=True)]
    )
    trials["layer"] = trials.kernel.str.removesuffix("/kernel")
    trials["share"] = trials.kept / trials.total
    trials["multiply_adds"] = trials.total * [_POSITIONS.get((run.network, layer), 1) for layer in trials.layer]
    trials["left"] = trials.multiply_adds * trials.share * trials.nonzero_inputs
    sums = trials.groupby("trial")[["kept", "total", "multiply_adds", "left"]].sum()
    whole = {"share": (sums.kept / sums.total).median(), "flops": (sums.left / sums.multiply_adds).median()}
    rows = []
    for layer, part in trials.groupby("layer", sort=False):
        flops = (part.share * part.nonzero_inputs).median()
        told = {"share": part.share.median(), "nonzero": part.nonzero_inputs.median(), "flops": flops}
        rows.append((layer, int(part.total.iloc[0]), told))
    rows.append(("all", int(sums.total.iloc[0]), whole))
    before = run.dense()[run.dense().trial.isin(cells.trial)]
    return [
        {
            "network": run.network,
            "way": way,
            "layer": layer,
            "weights": weights,
            "kept [%]": 100 * told["share"],
            "theirs, kept [%]": THEIRS[run.network][str(layer)][0],
            "nonzero inputs [%]": 100 * told.get("nonzero", np.nan),
            "FLOPs [%]": 100 * told["flops"],
            "theirs, FLOPs [%]": THEIRS[run.network][str(layer)][1],
            **(_errors(run, before, cells) if layer == "all" else {}),
        }
        for layer, weights, told in rows
    ]


def _errors(run: HanRun, before: pd.DataFrame, after: pd.DataFrame) -> dict[str, object]:
    theirs = THEIR_ERRORS[run.network]
    return {
        "error before [%]": 100 * (1 - before.test_accuracy.median()),
        "error after [%]": 100 * (1 - after.test_accuracy.median()),
        "theirs, before [%]": theirs[0],
        "theirs, after [%]": theirs[1],
        "dead units": after.dead_units.median(),
        "trials": len(after),
    }
