"""What a shrinking removed, and what of each weight it kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tf_lottery.pruning.channels.rebuild import Axes
from tf_lottery.pruning.flop_counts import Flops


@dataclass(frozen=True, kw_only=True)
class LayerChannels:
    """How many channels, units or features a layer makes."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class ShrinkReport:
    """What `shrink` did; `print(report)` shows a table."""

    layers: tuple[LayerChannels, ...]  # those that make channels, in the order of the model
    parameters_before: int  # all weights, trainable or not, zeros too
    parameters_after: int
    flops_before: Flops  # `dense` is of the whole network, `effective` without what is 0
    flops_after: Flops
    largest_difference: float  # between the outputs of both, as a part of an output's largest value
    barriers: Mapping[str, str]  # by the layer's name: why all that it makes stayed
    kept: Mapping[str, Axes]  # by the weight's name: which indices of each axis stayed, None for all

    def __str__(self) -> str:
        rows = [(each.name, each.before, each.after) for each in self.layers]
        rows += [
            ("parameters", self.parameters_before, self.parameters_after),
            ("FLOPs", self.flops_before.dense, self.flops_after.dense),
            ("FLOPs without zeros", self.flops_before.effective, self.flops_after.effective),
        ]
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{'channels':{width}}{'before':>16}{'after':>16}"]
        lines += [f"{name:{width}}{before:>16,}{after:>16,}" for name, before, after in rows]
        lines += [f"outputs of both differ by at most {self.largest_difference:.1e} of the largest"]
        lines += [f"{name} stayed whole: {why}" for name, why in self.barriers.items()]
        return "\n".join(lines)
