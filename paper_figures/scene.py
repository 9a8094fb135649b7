"""A scene: one's own results of one kind of pruning, the published ones behind them, or either alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from .blocks import CORE, Block
from .look import dataset_name, network_name, pruning_name

CONTROLS = ("low_lr_weight_rewind", "reinit")  # which the paper compares with, but does not propose


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Blocks to be drawn over each other, the published one first."""

    blocks: tuple[Block, ...]
    training: str = ""  # training and seed, where own results have several of this network

    @property
    def front(self) -> Block:
        """The block that the figure is about."""
        return self.blocks[-1]

    @property
    def stem(self) -> str:
        """What tells this scene's files apart from another's."""
        block = self.front
        return f"{block.dataset}-{block.network}-{block.schedule}-{block.heuristic}{self._own_training}"

    @property
    def study(self) -> str:
        """The scene's stem without schedule and heuristic."""
        return f"{self.front.dataset}-{self.front.network}{self._own_training}"

    @property
    def _own_training(self) -> str:
        return f"-{self.front.training}-seed_{self.front.seed:g}" if self.training else ""

    @property
    def is_laid_over(self) -> bool:
        """Whether published results are behind one's own."""
        return len(self.blocks) > 1

    @property
    def title(self) -> str:
        """Network, dataset, training and pruning as people write them."""
        block = self.front
        return f"{self.subject}: {pruning_name(block.schedule, block.heuristic)} pruning"

    @property
    def heading(self) -> str:
        """The title without the training, which is in the note: it would not fit above a figure."""
        return self.title.replace(self._training_in_brackets, "")

    @property
    def subject(self) -> str:
        """Network and dataset as people write them."""
        return f"{network_name(self.front.network)} on {dataset_name(self.front.dataset)}{self._training_in_brackets}"

    @property
    def plain_subject(self) -> str:
        """Network and dataset, without the training."""
        return self.subject.replace(self._training_in_brackets, "")

    @property
    def told_training(self) -> str:
        """A sentence for the note, with a space behind it; "" where there is nothing to tell apart."""
        return f"{self.training[:1].upper()}{self.training[1:]}. " if self.training else ""

    @property
    def _training_in_brackets(self) -> str:
        return f" ({self.training})" if self.training else ""

    def main(self) -> tuple[str, ...]:
        """Return the techniques to compare: all but the controls, unless there is nothing else."""
        found = self.every()
        return tuple(name for name in found if name not in CONTROLS) or found

    def every(self) -> tuple[str, ...]:
        """Return all techniques of the scene."""
        return tuple(dict.fromkeys(name for block in reversed(self.blocks) for name in block.techniques))

    def note(
        self,
        numbers: pd.DataFrame,
        *,
        bands: str = "; bands: lowest to highest",
        densities: Sequence[float] | None = None,
    ) -> str:
        """Return what the reader must know: trials, what 0 is, whose points are whose, what is missing."""
        block = self.front
        mean, spread = block.dense.mean() * block.scale, block.dense.std(ddof=1) if len(block.dense) > 1 else 0.0
        unit = "BLEU" if block.unit == "BLEU" else "%"
        words = [
            f"{self.told_training}Lines: {told_trials(numbers.trials[numbers.source == block.source], bands)}.",
            (f"0: mean of {len(block.dense)} dense networks" if len(block.dense) > 1 else "0: the dense network")
            + f", {mean:.2f} {unit}"
            + (f"; grey: their standard deviation, {spread * block.scale:.2f}." if len(block.dense) > 1 else "."),
        ]
        if self.is_laid_over:
            back = self.blocks[0]
            words.append(
                f"Filled: own. Hollow, light: published, {network_name(back.network)} on {dataset_name(back.dataset)}, "
                f"against its own dense networks ({back.dense.mean() * back.scale:.2f} {unit})."
            )
        if gaps := self.missing(numbers, block.densities if densities is None else densities):
            words.append("Missing: " + gaps + ".")
        return " ".join(words)

    def missing(self, numbers: pd.DataFrame, densities: Sequence[float]) -> str:
        """Return which of these densities one's own techniques lack among the numbers, "" if none does."""
        if self.front.source != "own":
            return ""
        found = numbers[numbers.source == "own"]
        words = []
        for technique in dict.fromkeys(found.technique):
            there = set(found.density[found.technique == technique])
            if lacks := [f"{1 / density:.3g}x" for density in densities if density not in there]:
                shown = ", ".join(lacks[:4]) + (f" and {len(lacks) - 4} more" if len(lacks) > 4 else "")
                words.append(f"{technique} at {shown}")
        return "; ".join(words)


def told_trials(trials: pd.Series[int], more: str = "") -> str:
    """Return of how many trials medians are, and what `more` there is to say where they are several."""
    if not len(trials):
        return "no trials"
    least, greatest = trials.min(), trials.max()
    if greatest == 1:
        return "one trial, so no spread"
    return f"median of {least if least == greatest else f'{least} to {greatest}'} trials{more}"


def scenes(blocks: Sequence[Block], *, over: str | None = None) -> list[Scene]:
    """Return one scene for each block of one's own, over the published one of the same kind, and for others alone.

    Args:
        blocks: Published and own.
        over: A published network to lay all own results over; by default the same network on the same dataset.
    """
    published = {block.kind: block for block in blocks if block.source == "published"}
    own = [block for block in blocks if block.source == "own"]
    used = {block.kind for block in own}  # what own results are of is not drawn again without them
    made = []
    for block in own:
        behind = [
            other
            for other in published.values()
            if other.kind[2:] == block.kind[2:]
            and (other.network == over if over else other.kind[:2] == block.kind[:2])
        ]
        used.update(other.kind for other in behind if other.kind == block.kind)
        made.append(Scene(blocks=(*behind[:1], block), training=block.told_apart(own)))
    return [Scene(blocks=(block,)) for block in published.values() if block.kind not in used] + made


def once(scenes: Sequence[Scene]) -> list[tuple[Scene, Block]]:
    """Return each block of these scenes with its scene; one that is behind several, with the first."""
    found = {id(block): (scene, block) for scene in reversed(scenes) for block in reversed(scene.blocks)}
    return list(reversed(found.values()))


def core(scene: Scene) -> tuple[str, ...]:
    """Return the three techniques that the paper compares, those that are there; else all that are."""
    return tuple(name for name in scene.every() if name in CORE) or scene.every()
