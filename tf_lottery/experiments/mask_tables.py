"""Tables of a store's masks and weights: overlap, density by layer, distance from the start."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tf_lottery.checkpoint import Arrays
from tf_lottery.experiments.finished import IDENTITY, Finished, finished, kernels
from tf_lottery.experiments.store import Store
from tf_lottery.pruning.overlap import overlap

Row = dict[str, Any]

OVERLAP = (
    *("network", "dataset", "training", "seed", "differ", "one", "other", "density_one", "density_other", "kernel"),
    *("jaccard", "chance", "kept_by_both", "kept_by_one", "kept_by_other", "total"),
)
LAYERS = (*IDENTITY, "kernel", "kept", "total", "layer_density")
DISTANCE = (*IDENTITY, "kernel", "kept", "distance", "relative_distance", "sign_changes")

_STUDY = ("network", "dataset", "training", "seed")
# A pair differs in one of these, and in nothing else.
_THINGS = (("trial",), ("density",), ("technique", "heuristic", "schedule"))


def overlap_rows(store: Store) -> Iterator[Row]:
    """Yield the overlap of the masks of each two pruned networks: by all kernels, then by each.

    Of those that differ in one thing: the trial, the density (levels of a chain), or how they were pruned and retrained
    (technique, heuristic and schedule). Those of other t are not compared.
    """
    studies = defaultdict[tuple[Any, ...], list[Finished]](list)
    for stage in finished(store):
        # Copies that see the examples in another order have the masks of what they are copies of.
        if not stage.is_dense and stage.result["density"] < 1 and not stage.spec.get("data_order_seed"):
            studies[(*(stage.result[column] for column in _STUDY), stage.result["retrain_epochs"])].append(stage)
    for (*study, _), stages in studies.items():
        packed = {stage.name: _packed(stage.masks) for stage in stages}
        for one, other in itertools.combinations(stages, 2):
            differ = _differ(one, other)
            if not differ:
                continue
            for row in overlap(_unpacked(packed[one.name]), _unpacked(packed[other.name])):
                yield {
                    **dict(zip(_STUDY, study, strict=True)),
                    "differ": differ,
                    "one": one.name,
                    "other": other.name,
                    "density_one": one.result["density"],
                    "density_other": other.result["density"],
                    "kernel": row.kernel,
                    "jaccard": row.jaccard,
                    "chance": row.chance,
                    "kept_by_both": row.both,
                    "kept_by_one": row.one,
                    "kept_by_other": row.other,
                    "total": row.total,
                }


def _differ(one: Finished, other: Finished) -> str:
    """Return the columns in which two networks differ, "" if they are of more than one thing, or none."""
    differ = [[column for column in thing if one.result[column] != other.result[column]] for thing in _THINGS]
    found = [columns for columns in differ if columns]
    return "+".join(found[0]) if len(found) == 1 else ""


def layer_rows(store: Store) -> Iterator[Row]:
    """Yield how many weights of each kernel each network keeps."""
    for stage in finished(store):
        for name, mask in stage.masks.items():
            kept = int(np.count_nonzero(mask))
            yield stage.identity | {
                "kernel": name,
                "kept": kept,
                "total": mask.size,
                "layer_density": kept / mask.size,
            }


def distance_rows(store: Store) -> Iterator[Row]:
    """Yield how far each network's kept weights went from their start, and how many changed their sign.

    By all kernels, then by each: the l2 norm of what they moved by, that over the norm they began with, and the share
    of them whose sign is another one, of those that were not 0. Networks whose start is not kept are left out.
    """
    for stage in finished(store):
        start = stage.start()
        if start is None:
            continue
        arrays, masks = stage.arrays(), stage.masks
        before, after = kernels(start, masks), kernels(arrays, masks)
        for name, chosen in (("all", list(masks)), *((name, [name]) for name in masks)):
            yield stage.identity | {"kernel": name} | _moved(before, after, masks, chosen)


def _moved(before: Arrays, after: Arrays, masks: Arrays, names: Sequence[str]) -> Row:
    first, last = (
        np.concatenate([arrays[name][masks[name] != 0].astype(np.float64) for name in names])
        for arrays in (before, after)
    )
    distance, norm = np.linalg.norm(last - first), np.linalg.norm(first)
    alive = first != 0
    changed = np.sign(first[alive]) != np.sign(last[alive])
    return {
        "kept": first.size,
        "distance": float(distance),
        "relative_distance": float(distance / norm) if norm else None,
        "sign_changes": float(changed.mean()) if changed.size else None,
    }


def _packed(masks: Arrays) -> dict[str, tuple[tuple[int, ...], np.ndarray]]:
    """Return masks at a bit each: those of hundreds of networks are in memory at once."""
    return {name: (mask.shape, np.packbits(mask != 0)) for name, mask in masks.items()}


def _unpacked(packed: dict[str, tuple[tuple[int, ...], np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        name: np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape) for name, (shape, bits) in packed.items()
    }
