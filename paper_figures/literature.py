"""Points of other papers that the authors draw into their figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.axes import Axes

from .authors import dataset_of
from .blocks import Block
from .look import INK, network_name


@dataclass(frozen=True, kw_only=True)
class Point:
    """A pruned network of another paper, against that paper's own dense network."""

    paper: str
    what: str
    network: str
    heuristic: str
    schedule: str
    density: float
    change: float  # percentage points
    spread: float = 0.0  # standard deviation, as given; 0 where none is
    retrain_epochs: float | None = None  # where it stands in figures over epochs
    by_compression: bool = True


def _of(network: str, heuristic: str, schedule: str, paper: str, what: str, *points: tuple[float, ...]) -> list[Point]:
    names = ("density", "change", "spread", "retrain_epochs")
    return [
        Point(
            paper=paper, what=what, network=network, heuristic=heuristic, schedule=schedule,
            by_compression=what != "fine-tuned", **dict(zip(names, point, strict=False)),
        )
        for point in points
    ]  # fmt: skip


_LIU = "Liu et al. 2019"
# All as in the authors' code, vision/plot/gen.py. Liu et al.: retrain epochs are 160, times what training from scratch
# costs more than it saves; their fine-tuned networks stand at 0.
POINTS: tuple[Point, ...] = (
    *_of(
        *("resnet56", "global_magnitude", "iterative", "Carreira-Perpiñán & Idelbayev 2018", "learned compression"),
        *((0.1497, -0.06), (0.10, 0.16), (0.05, -0.65), (0.03, -1.35)),
    ),
    *_of("resnet50", "global_magnitude", "iterative", "AMC: He et al. 2018", "learned rates", (0.195, -0.02)),
    *_of("resnet56", "structured_a", "one_shot", _LIU, "from scratch", (0.9209, -0.05, 0.14, 18.5)),
    *_of("resnet56", "structured_b", "one_shot", _LIU, "from scratch", (0.8712, -0.09, 0.18, 60.7)),
    *_of("resnet56", "structured_a", "one_shot", _LIU, "fine-tuned", (0.9209, -0.18, 0.26, 0.0)),
    *_of("resnet56", "structured_b", "one_shot", _LIU, "fine-tuned", (0.8712, -0.60, 0.19, 0.0)),
)
_MARKERS = {"from scratch": "^", "fine-tuned": "v"}
_SHAPES = {"s": "squares", "^": "triangles", "v": "triangles that point down"}


def points_of(block: Block) -> list[Point]:
    """Return the points to compare with a block: of its network, on the dataset that the authors trained it on."""
    if block.dataset != dataset_of(block.network):
        return []
    key = (block.network, block.heuristic, block.schedule)
    return [point for point in POINTS if (point.network, point.heuristic, point.schedule) == key]


def note(points: Iterable[Point], *, beside: str = "") -> str:
    """Return the sentences that say whose points these are, "" for none: markers, papers, what they did.

    Args:
        points: To be told of.
        beside: The network that the figure is about; of points of another the network is named.
    """
    told: dict[str, set[str]] = {}
    for point in points:
        of = f", {network_name(point.network)}" if beside not in ("", point.network) else ""
        told.setdefault(_SHAPES[_marker(point)], set()).add(f"{point.paper} ({point.what}{of})")
    return "".join(f" Grey {shape}: {'; '.join(sorted(papers))}." for shape, papers in sorted(told.items()))


def draw_by_compression(axes: Axes, points: Iterable[Point], *, beside: str = "") -> None:
    """Draw points over the compression ratio, light those of another network than `beside`, if that is given."""
    for point in points:
        if point.by_compression:
            _draw(axes, 1 / point.density, point, alpha=1.0 if beside in ("", point.network) else 0.4)


def draw_by_epochs(axes: Axes, points: Iterable[Point], scale: float = 1.0) -> None:
    """Draw points over the retraining epochs, times the scale."""
    for point in points:
        if point.retrain_epochs is not None:
            _draw(axes, point.retrain_epochs * scale, point)


def _marker(point: Point) -> str:
    return _MARKERS.get(point.what, "s")


def _draw(axes: Axes, x: float, point: Point, alpha: float = 1.0) -> None:
    axes.errorbar(
        [x], [point.change], yerr=[point.spread] if point.spread else None, marker=_marker(point), markersize=5,
        color=INK, markerfacecolor="#BBBBBB", markeredgewidth=0.9, linestyle="", linewidth=0.8, capsize=2, zorder=5,
        alpha=alpha, clip_on=False,
    )  # fmt: skip
