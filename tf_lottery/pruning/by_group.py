"""Structured pruning of any network: whole channels, in all layers that they go together in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tf_lottery.pruning.channel_criteria import CHANNEL_CRITERIA
from tf_lottery.pruning.channels.cuts import Cut, DensityOf, alive, choose
from tf_lottery.pruning.channels.group import Group, Places
from tf_lottery.pruning.criterion import CannotCollectError, Collect, Examples, Values
from tf_lottery.pruning.heuristic import Shapes
from tf_lottery.pruning.masks import Kernel, Mask

Channels = Iterator[tuple[Places, Values]]  # of each layer: which channel of the group each is, and what is seen of it


@dataclass(frozen=True, kw_only=True)
class ScoredGroup:
    """The scores of channels that the same layers make."""

    group: Group
    scores: Values  # [channels], as they are compared; -inf for one that is gone

    @property
    def name(self) -> str:
        """The layers that make the channels, by names with + between."""
        return self.group.name


@dataclass(frozen=True, kw_only=True)
class ByGroup:
    """A criterion of channels, over what its lowest scores are sought, and all else that fixes a score.

    A channel's score is the sum over its members: the filters, batch norm scales or maps of all layers that make it.
    """

    criterion: str  # a row of CHANNEL_CRITERIA
    # share: in each group, which all keep the same share; global: in all groups together; normalised: the same, scores
    # over the l2 norm of those of their group (Molchanov et al. 2017, section 2.2).
    scope: Literal["share", "global", "normalised"]
    flops_weight: float = 0.0  # lambda: taken off a score for each million FLOPs of a map (the same, section 2.2)
    examples: Examples | None = None  # that the criterion looks at
    round_to: int = 8  # channels that stay are a multiple of it, or all: TensorFlow is slow on odd numbers of channels
    density_of: DensityOf = "weights"
    does: str

    @property
    def meaning(self) -> str:
        """What goes, and what the scores rest on."""
        parts = [self.does, str(self.examples) if self.examples else ""]
        parts.append(f"multiples of {self.round_to} stay" if self.round_to > 1 else "")
        return "; ".join(part for part in parts if part)

    @property
    def any_density(self) -> bool:
        """True: the nearest that whole channels have."""
        return True

    def densities(self, shapes: Shapes, asked: Sequence[float]) -> tuple[float, ...]:
        """Return those asked for."""
        del shapes
        return tuple(asked)

    def kept(self, shapes: Shapes, density: float) -> None:
        """Return None: the network's graph and the scores decide it."""
        del shapes, density

    def choose(
        self,
        *,
        kernels: Mapping[str, Kernel],
        masks: Mapping[str, Mask],
        density: float,
        seed: int,
        collect: Collect | None = None,
    ) -> dict[str, Mask]:
        """Return the masks that keep the channels of the highest scores, nearest to the density."""
        scored = self.scored(kernels=kernels, masks=masks, seed=seed, collect=collect)
        return self.cut(scored, masks=masks, density=density, collect=collect)

    def scored(
        self, *, kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], seed: int, collect: Collect | None
    ) -> list[ScoredGroup]:
        """Return the scores of the channels of every group that has some of what the criterion looks at.

        Raises:
            CannotCollectError: No channel may go, or none has what the criterion looks at; or as `Collect` raises it.
            ValueError: NaN among the weights, or no network to ask.
        """
        if collect is None:
            raise ValueError(f"criterion {self.criterion} looks at the network. Expected one to collect from.")
        if any(np.isnan(kernel).any() for kernel in kernels.values()):
            raise ValueError("scores hold NaN: the network diverged. Prune from an earlier checkpoint.")
        groups = collect.groups()
        if not groups:
            raise CannotCollectError(
                "no channel of this network may go: each is read by a layer without a mask, or is one of the model's "
                "outputs. Expected layers between; tl.shrink says which stay whole. Prune weights: global_magnitude."
            )
        generator = np.random.Generator(np.random.Philox(key=seed))
        criterion, seen, found = CHANNEL_CRITERIA[self.criterion], self._seen(kernels, masks, collect), []
        for group in groups:
            living, members = alive(group, masks), 0
            scores: Values = np.zeros(group.size)
            for places, values in seen(group):
                left = (places >= 0) & living[places]
                # All that is left of the layer is seen, also what is in no group: distances are to all others.
                rows = left | ((places < 0) & values.any(axis=1))
                layer = np.zeros(len(places))
                layer[rows] = criterion.score(values[rows], generator)
                np.add.at(scores, places[left], layer[left])
                members += 1
            if members:
                scores = self._compared(group, np.where(living, scores, -np.inf), kernels, collect)
                found.append(ScoredGroup(group=group, scores=scores))
        if not found:
            raise CannotCollectError(
                f"criterion {self.criterion} looks at {criterion.members}, and no channel that may go has any. "
                "Expected batch norm behind layers; or prune by another criterion, such as group_magnitude."
            )
        return found

    def cut(
        self, scored: Sequence[ScoredGroup], *, masks: Mapping[str, Mask], density: float, collect: Collect | None
    ) -> dict[str, Mask]:
        """Return the masks that keep the highest of these scores."""
        uses = collect.uses() if collect and self.density_of == "flops" else {}
        scope: Literal["share", "global"] = "share" if self.scope == "share" else "global"
        cut = Cut(scope=scope, round_to=self.round_to, density_of=self.density_of, uses=uses)
        return choose([each.group for each in scored], [each.scores for each in scored], masks, density, cut)

    def _seen(
        self, kernels: Mapping[str, Kernel], masks: Mapping[str, Mask], collect: Collect
    ) -> Callable[[Group], Channels]:
        """Return what gives for each layer that makes a group's channels which they are, and what is seen of each."""
        criterion = CHANNEL_CRITERIA[self.criterion]
        if criterion.members == "filters":
            return lambda group: _filters(group, kernels, masks)
        if criterion.members == "scales":
            scales = collect.scales()
            return lambda group: iter([(places, scales[name][:, None]) for name, places in group.scales.items()])
        if criterion.members == "maps" and criterion.quantity:
            maps = collect.maps(criterion.quantity, self.examples, masks)
            return lambda group: iter([(each.places, maps[layer]) for layer, each in group.maps.items()])
        changes = {
            id(group): found
            for group, found in zip(collect.groups(), collect.ablated(self.examples, masks), strict=True)
        }
        return lambda group: iter([(np.arange(group.size), changes[id(group)][:, None])])

    def _compared(self, group: Group, scores: Values, kernels: Mapping[str, Kernel], collect: Collect) -> Values:
        """Return scores as they are compared with those of other groups."""
        if self.scope == "normalised" and (norm := np.linalg.norm(scores[scores > -np.inf])) > 0:
            scores = scores / norm
        if self.flops_weight:
            scores = scores - self.flops_weight * _megaflops_of_a_map(group, kernels, collect.uses())
        return scores


def _filters(group: Group, kernels: Mapping[str, Kernel], masks: Mapping[str, Mask]) -> Channels:
    for name, axis in group.makers.items():
        kept = np.where(masks[name] != 0, kernels[name].astype(np.float64), 0)
        yield group.places[name][axis], np.moveaxis(kept, axis, 0).reshape(kept.shape[axis], -1)


def _megaflops_of_a_map(group: Group, kernels: Mapping[str, Kernel], uses: Mapping[str, int]) -> float:
    """Return 2 H W (C_in K^2 + 1) of a convolution and 2 I - 1 of a dense layer, in millions, over all that make it.

    Source: Molchanov et al. 2017, appendix; of the whole network, pruned or not. `flops` counts a dense layer's
    multiply-adds twice and a convolution's once.
    """
    found = 0
    for name, axis in group.makers.items():
        weights = kernels[name].size // kernels[name].shape[axis]
        filters = np.count_nonzero(group.places[name][axis] >= 0) // group.size
        is_dense = kernels[name].ndim == 2
        found += filters * (uses[name] // 2 * (2 * weights - 1) if is_dense else 2 * uses[name] * (weights + 1))
    return found / 1e6
