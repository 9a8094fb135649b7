"""Every figure that a set of results has the data for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tf_lottery.lookup import lookup

from . import (
    accuracy,
    alt,
    composites,
    criteria,
    doubtful,
    epochs,
    flops,
    gain,
    no_loss,
    other_schedules,
    schedules,
    search_cost,
    select,
    structured,
)
from .blocks import Block
from .canvas import Size
from .families import FAMILIES, in_paper
from .look import pruning_name, schedule_name
from .scene import CONTROLS, Scene


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """One figure: its words, its numbers when they are asked for, and how they are drawn. Can be sent to a process."""

    name: str
    family: str
    paper: str
    title: str
    subtitle: str
    networks: tuple[str, ...]
    scenes: tuple[Scene, ...]
    compute: Callable[[], pd.DataFrame]
    draw: Callable[..., Figure]  # numbers, subtitle=, size=

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """What is drawn, one row a point."""
        return self.compute()

    @property
    def csv(self) -> pd.DataFrame:
        """The numbers as they are written: the columns of every figure's CSV, and others only where they tell more."""
        more = [column for column in self.numbers if column not in (*select.COLUMNS, *select.MORE_COLUMNS)]
        if self.numbers.source.nunique() > 1:
            more += ["dataset", "source"]
        if any(scene.training for scene in self.scenes):
            more += ["training", "seed"]
        if self.family == "search_cost":
            more.append("search_cost")
        if (self.numbers.doubtful != "").any():
            more.append("doubtful")
        return self.numbers[[*select.COLUMNS, *more]]

    @property
    def techniques(self) -> tuple[str, ...]:
        """Which techniques are in it."""
        return tuple(dict.fromkeys(one for pair in self.numbers.technique for one in str(pair).split("-")))

    @property
    def caption(self) -> str:
        """One line: of what, and what is shown."""
        return f"{self.title}: {FAMILIES[self.family].caption}."

    @property
    def alt(self) -> str:
        """The figure for those who do not see it: what is drawn, and the numbers at one place in it."""
        return f"{self.caption} {alt.told(self.family, self.numbers, self.scenes)}{doubtful.told(self.numbers)}"

    def figure(self, size: Size) -> Figure:
        """Draw it."""
        return self.draw(self.numbers, subtitle=self.subtitle, size=size)


def catalogue(scenes: Sequence[Scene]) -> list[Drawing]:
    """Return every figure of these scenes, by family in the order of the paper."""
    studies: dict[tuple[str, str], list[Scene]] = {}
    for scene in scenes:
        studies.setdefault((scene.front.source, scene.study), []).append(scene)
    found = [drawing for scene in scenes for drawing in _of_scene(scene)]
    for study in studies.values():
        found += _of_study(study)
    found += _of_trainings(scenes)
    if scenes:
        found += _of_all(scenes)
    order = list(FAMILIES)
    return sorted(found, key=lambda drawing: (order.index(drawing.family), drawing.name))


def chosen(drawings: Sequence[Drawing], names: Sequence[str]) -> list[Drawing]:
    """Return the figures of these names; the name of a family or of a network stands for all of its figures.

    Raises:
        ValueError: No such name; the message has the nearest.
    """
    if not names:
        return list(drawings)
    table: dict[str, set[str]] = {drawing.name: {drawing.name} for drawing in drawings}
    for drawing in drawings:
        for group in (drawing.family, *drawing.networks):
            table.setdefault(group, set()).add(drawing.name)
    for family, row in FAMILIES.items():
        if family in names and family not in table:
            raise ValueError(
                f"no data for figures of the family {family!r}: it needs {row.needs}. --list shows the others."
            )
    try:
        wanted = set[str]().union(*(lookup("figure", table, name) for name in names))
    except ValueError as error:
        hint = str(error).partition(" Known:")[0]
        raise ValueError(f"{hint} Expected names, families or networks that --list shows.") from None
    return [drawing for drawing in drawings if drawing.name in wanted]


def _of_scene(scene: Scene) -> Iterator[Drawing]:
    block = scene.front
    main, every = scene.main(), scene.every()
    new = partial(_new, scene)
    best = select.words(scene.blocks)
    by_ratio, by_epochs = partial(accuracy.accuracy_figure, scene=scene), partial(epochs.epochs_figure, scene=scene)
    yield new("accuracy", best, partial(accuracy.accuracy_numbers, scene, main), by_ratio)
    if set(every) & set(CONTROLS) and set(every) != set(main):
        yield new("controls", best, partial(accuracy.accuracy_numbers, scene, every), by_ratio)
    if block.schedule == "iterative" and "lr_rewind" in block.techniques and _has_full(block):
        words = f"Iterative learning rate rewinding, {block.total_epochs:g} epochs at each level"
        yield new("algorithm", words, partial(accuracy.algorithm_numbers, scene), by_ratio)
    if _several_epochs(scene, main):
        compared = tuple(name for name in main if name in block.techniques)
        if len(compared) > 1 and (words := accuracy.fixed_words(block, compared)):
            yield new("fixed", words, partial(accuracy.fixed_numbers, scene, compared), by_ratio)
        words = "A panel for each compression ratio; each row has its own range"
        yield new("epochs", words, partial(epochs.epochs_numbers, scene, main), by_epochs)
        if set(every) & set(CONTROLS) and set(every) != set(main) and _several_epochs(scene, every):
            yield new("epochs_controls", words, partial(epochs.epochs_numbers, scene, every), by_epochs)
        if len(block.densities) > 1 and gain.gain_numbers(scene).retrain_epochs.nunique() > 1:
            words = "Which technique is better at equal retrain epochs"
            compute, draw = partial(gain.gain_numbers, scene), partial(gain.gain_figure, scene=scene)
            yield new("gain", words, compute, draw)
    if _several_epochs(scene, schedules.RESTARTS):
        words = "A column for each compression ratio, over a log axis of t"
        compute, draw = partial(schedules.schedules_numbers, scene), partial(schedules.schedules_figure, scene=scene)
        yield new("schedules", words, compute, draw)
    if flops.has_flops(block):
        yield from _of_flops(scene)


def _of_flops(scene: Scene) -> Iterator[Drawing]:
    ratio, faster = partial(flops.flops_figure, scene=scene), partial(flops.flops_accuracy_figure, scene=scene)
    new = partial(_new, scene)
    yield new("flops", "FLOPs: speed-up over dense", partial(flops.speedup_numbers, scene), ratio)
    if "fine_tune" in scene.front.techniques and len(scene.main()) > 1:
        compute = partial(flops.against_fine_tuning_numbers, scene)
        yield new("flops_ratio", "FLOPs against fine-tuning at equal compression", compute, ratio)
    compute = partial(flops.flops_accuracy_numbers, scene)
    words = "Change of accuracy against speed-up over dense"
    yield new("flops_accuracy", words, compute, faster)


def _of_study(scenes: Sequence[Scene]) -> Iterator[Drawing]:
    """Yield the figures that lay schedules or structured variants of one study side by side."""
    by_heuristic: dict[str, list[Scene]] = {}
    for scene in scenes:
        by_heuristic.setdefault(scene.front.heuristic, []).append(scene)
    first = scenes[0]
    for heuristic, both in by_heuristic.items():
        several = len(both) > 1 and bool(search_cost.shared_densities(both))
        if several or (len(both) == 1 and _several_epochs(both[0], both[0].main())):
            yield Drawing(
                name=f"search_cost-{first.study}-{heuristic}",
                family="search_cost",
                paper=in_paper("search_cost", [first.front]),
                title=f"{first.subject}, {_heuristic(both[0])}",
                subtitle=search_cost.words(both),
                networks=(first.front.network,),
                scenes=tuple(both),
                compute=partial(search_cost.search_cost_numbers, both),
                draw=partial(search_cost.search_cost_figure, scenes=both),
            )
    yield from _of_criteria(scenes)
    variants = [scene for scene in scenes if scene.front.is_structured]
    if variants:
        yield Drawing(
            name=f"structured-{first.study}",
            family="structured",
            paper=in_paper("structured", [scene.front for scene in variants]),
            title=f"{first.subject}, structured",
            subtitle=select.words([block for scene in variants for block in scene.blocks]),
            networks=(first.front.network,),
            scenes=tuple(variants),
            compute=partial(structured.structured_numbers, variants),
            draw=partial(structured.structured_figure, scenes=variants),
        )


def _of_criteria(scenes: Sequence[Scene]) -> Iterator[Drawing]:
    """Yield the figure of several criteria of one study, for each schedule of pruning."""
    first = scenes[0]
    for schedule in dict.fromkeys(scene.front.schedule for scene in scenes):
        told = [scene for scene in scenes if scene.front.schedule == schedule and criteria.is_told(scene.front)]
        if len(told) > 1:
            yield Drawing(
                name=f"criteria-{first.study}-{schedule}",
                family="criteria",
                paper=in_paper("criteria", [first.front]),
                title=f"{first.subject}: {schedule_name(schedule)} pruning by several criteria",
                subtitle="Criteria at equal densities: before retraining, and at one t after each technique",
                networks=(first.front.network,),
                scenes=tuple(told),
                compute=partial(criteria.criteria_numbers, told),
                draw=partial(criteria.criteria_figure, scenes=told),
            )


def _of_trainings(scenes: Sequence[Scene]) -> Iterator[Drawing]:
    """Yield the figures that lay trainings of one network side by side whose rates fall otherwise."""
    alike: dict[tuple[str, ...], list[Scene]] = {}
    for scene in scenes:
        if {"fine_tune", "lr_rewind"} <= set(scene.front.techniques) and scene.front.source == "own":
            alike.setdefault(scene.front.kind, []).append(scene)
    for alone in alike.values():
        several = other_schedules.ordered(alone)
        first = several[0].front
        if len({other_schedules.falls(scene.front) for scene in several}) > 1:
            yield Drawing(
                name=f"other_schedules-{'-'.join((first.dataset, first.network, first.schedule, first.heuristic))}",
                family="other_schedules",
                paper=in_paper("other_schedules", [first]),
                title=f"{several[0].plain_subject}: {pruning_name(first.schedule, first.heuristic)} pruning",
                subtitle=f"{pruning_name(first.schedule, first.heuristic)} pruning; ".capitalize()
                + "a line for each way in which the rate of the dense training falls",
                networks=(first.network,),
                scenes=tuple(several),
                compute=partial(other_schedules.other_schedules_numbers, several),
                draw=partial(other_schedules.other_schedules_figure, scenes=several),
            )


def _of_all(scenes: Sequence[Scene]) -> Iterator[Drawing]:
    for name, composite in composites.COMPOSITES.items():
        if panels := composites.scenes_of(composite, scenes):
            yield Drawing(
                name=name,
                family=name,
                paper=in_paper(name, [scene.front for scene in panels]),
                title=composite.title,
                subtitle=composite.subtitle or select.words([block for one in panels for block in one.blocks]),
                networks=tuple(dict.fromkeys(scene.front.network for scene in panels)),
                scenes=tuple(panels),
                compute=partial(composites.composite_numbers, composite, panels),
                draw=partial(composites.composite_figure, composite=composite, scenes=panels),
            )
    if len(no_loss.no_loss_numbers(scenes)):
        yield Drawing(
            name="no_loss",
            family="no_loss",
            paper=in_paper("no_loss", [scene.front for scene in scenes]),
            title="All networks",
            subtitle=select.words([block for scene in scenes for block in scene.blocks]),
            networks=tuple(dict.fromkeys(scene.front.network for scene in scenes)),
            scenes=tuple(scenes),
            compute=partial(no_loss.no_loss_numbers, scenes),
            draw=partial(no_loss.no_loss_figure, scenes=scenes),
        )


def _new(
    scene: Scene,
    family: str,
    subtitle: str,
    compute: Callable[[], pd.DataFrame],
    draw: Callable[..., Figure],
) -> Drawing:
    return Drawing(
        name=f"{family}-{scene.stem}",
        family=family,
        paper=in_paper(family, [scene.front]),
        title=scene.title,
        subtitle=subtitle,
        networks=(scene.front.network,),
        scenes=(scene,),
        compute=compute,
        draw=draw,
    )


def _heuristic(scene: Scene) -> str:
    return scene.title.split(": ", 1)[1].split(", ", 1)[1]


def _has_full(block: Block) -> bool:
    full = select.full_retraining(block)
    row = block.techniques.index("lr_rewind")
    return bool(np.isfinite(select.picked(block.test, full)[row]).any())


def _several_epochs(scene: Scene, techniques: Sequence[str]) -> bool:
    """Say whether some technique has several retrain epochs, so that lines are lines."""
    block = scene.front
    rows = [place for place, name in enumerate(block.techniques) if name in techniques]
    return bool((np.isfinite(block.test[rows]).any(axis=(1, 3)).sum(axis=1) > 1).any())
