"""Every heuristic, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from tf_lottery.pruning import by_rounds
from tf_lottery.pruning.by_filter import STRUCTURED_A, STRUCTURED_B, ByFilter
from tf_lottery.pruning.by_group import ByGroup
from tf_lottery.pruning.by_weight import ByWeight
from tf_lottery.pruning.channels.cuts import DensityOf
from tf_lottery.pruning.criterion import Examples
from tf_lottery.pruning.heuristic import Heuristic

# Of a trained network gradients are small and noisy: one batch would rank noise.
_MANY = Examples(count=1000, batch=100)
_EACH = Examples(count=1000, batch=1)
_AT_ONCE = Examples(count=1000, batch=1000)


def _of_maps(criterion: str, does: str, *, examples: Examples | None = _MANY, flops_weight: float = 0.0) -> ByGroup:
    """Return a row as Molchanov et al. 2017 compare criteria: over all layers, scores over their layer's l2 norm."""
    return ByGroup(
        criterion=criterion,
        scope="normalised",
        flops_weight=flops_weight,
        examples=examples,
        round_to=1,
        does=f"{does}, scores over their layer's norm",
    )


_KNOWN: Mapping[str, Heuristic] = {
    "global_magnitude": ByWeight(
        criterion="magnitude",
        scope="global",
        does="the smallest weights of the whole network go (the paper's)",
    ),
    "layer_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        does="the smallest weights of each layer go, each to the density",
    ),
    "global_quality": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        does="weights below one multiple of their layer's standard deviation go (Han et al. 2015)",
    ),
    "sensitivity": ByWeight(
        criterion="magnitude_over_std",
        scope="global",
        scan=tuple(step / 5 for step in range(1, 21)),
        does="as global_quality, each layer's multiple by a scan of it on validation data (Han et al. 2015)",
    ),
    "random": ByWeight(criterion="random", scope="global", does="weights go at random, over the whole network"),
    "structured_a": ByFilter(rates=STRUCTURED_A, meaning="the smallest filters of each layer go, few (ResNet-56, 110)"),
    "structured_b": ByFilter(
        rates=STRUCTURED_B, meaning="the smallest filters of each layer go, more (ResNet-56, 110)"
    ),
    "layer_random": ByWeight(criterion="random", scope="layer", does="weights go at random, each layer to the density"),
    "erk_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="erk",
        does="the smallest weights of each layer go, layers to densities by Erdos-Renyi-Kernel",
    ),
    "half_output_magnitude": ByWeight(
        criterion="magnitude",
        scope="layer",
        layer_rates="half_output",
        does="the smallest weights of each layer go, the output layer at half the rate (the lottery ticket paper's)",
    ),
    "normalised_magnitude": ByWeight(
        criterion="magnitude",
        scope="normalised",
        does="the smallest weights over the norm of their layer's go (jaxpruner's default)",
    ),
    "lamp": ByWeight(
        criterion="lamp",
        scope="global",
        does="the smallest go by their share in the weights of their layer that are as large or larger (LAMP)",
    ),
    "saliency": ByWeight(
        criterion="saliency", scope="global", examples=_MANY, does="the smallest |w g| go, g the mean gradient"
    ),
    "snip": ByWeight(
        criterion="saliency",
        scope="global",
        examples=Examples(count=100, batch=100),
        does="the smallest |w g| go (SNIP's score)",
    ),
    "taylor": ByWeight(
        criterion="taylor", scope="global", examples=_MANY, does="the smallest (w g)^2 go (Taylor, first order)"
    ),
    "taylor_second_order": ByWeight(
        criterion="taylor_second_order",
        scope="global",
        examples=_MANY,
        does="the smallest (w g - w (H w) / 2)^2 go (Taylor, second order)",
    ),
    "fisher": ByWeight(
        criterion="fisher", scope="global", examples=_EACH, does="the smallest w^2 E[g^2] / 2 go (diagonal Fisher)"
    ),
    "obd": ByWeight(
        criterion="obd", scope="global", examples=_MANY, does="the smallest w^2 h / 2 go (optimal brain damage)"
    ),
    "grasp": ByWeight(
        criterion="grasp",
        scope="global",
        examples=Examples(count=1000, batch=250),
        does="the lowest w (H g) go (GraSP's score)",
    ),
    "synflow": ByWeight(
        criterion="synflow",
        scope="global",
        rounds=100,
        does="the smallest |w dR/dw| go, in 100 rounds, without data (SynFlow)",
    ),
    "group_magnitude": ByGroup(
        criterion="filter_l1", scope="share", does="the channels of the smallest weights go, a share of each layer's"
    ),
    "group_l2": ByGroup(
        criterion="filter_l2",
        scope="share",
        does="the channels of the smallest l2 norms go, a share of each layer's",
    ),
    "geometric_median": ByGroup(
        criterion="geometric_median",
        scope="share",
        does="the channels nearest to the others of their layer go, a share of each layer's",
    ),
    "slimming": ByGroup(
        criterion="batch_norm_scale",
        scope="global",
        does="the channels of the smallest batch norm scales of the network go (network slimming)",
    ),
    "group_random": ByGroup(
        criterion="random_channel", scope="share", does="channels go at random, a share of each layer's"
    ),
    "map_random": _of_maps("random_channel", "channels go at random, over the whole network", examples=None),
    "map_weight": _of_maps("filter_mean_square", "the smallest mean squares of filters go", examples=None),
    "map_mean": _of_maps("map_mean", "the feature maps of the smallest means go"),
    "map_std": _of_maps("map_std", "the feature maps of the smallest standard deviations go"),
    "apoz": _of_maps("map_nonzero", "the feature maps of the most zeros go (APoZ)"),
    "map_taylor": _of_maps("map_taylor", "the feature maps of the smallest first-order change of the loss go"),
    "map_taylor_flops": _of_maps(
        "map_taylor", "as map_taylor, 0.001 off for each million FLOPs of a map (the paper's)", flops_weight=1e-3
    ),
    # VGG-16's largest maps cost 58 million FLOPs, LeNet-5's 0.07: so the term weighs about as much as in the paper.
    "map_taylor_flops_small": _of_maps(
        "map_taylor", "as map_taylor, 3 off for each million FLOPs of a map: for small networks", flops_weight=3.0
    ),
    "map_oracle": _of_maps(
        "absolute_loss_change", "the channels go without which the loss changes least", examples=_AT_ONCE
    ),
    "map_oracle_signed": _of_maps("loss_change", "the channels go without which the loss is lowest", examples=_AT_ONCE),
}
HEURISTICS: Mapping[str, Heuristic] = {**_KNOWN, **by_rounds.heuristics(_KNOWN)}


def find(
    name: str, layer_densities: Iterable[tuple[str, float]] = (), *, density_of: DensityOf = "weights"
) -> Heuristic:
    """Return the row of this name, with what else this pruning is told.

    Args:
        name: Of a row.
        layer_densities: (kernel, density), for a heuristic that prunes each layer on its own; () for one density.
        density_of: For a heuristic of channels: of what a density is the kept share.

    Raises:
        ValueError: Densities by layer for a heuristic that does not prune by layer; or a share of anything but weights
            for one that prunes weights.
    """
    row, densities = HEURISTICS[name], tuple((kernel, density) for kernel, density in layer_densities)
    if density_of not in (known := get_args(DensityOf)):
        raise ValueError(f"density_of is {density_of!r}; expected one of {', '.join(known)}.")
    if isinstance(row, ByGroup):
        row = replace(row, density_of=density_of)
    elif density_of != "weights":
        by_channel = [name for name, row in HEURISTICS.items() if isinstance(row, ByGroup)]
        raise ValueError(
            f"density_of is {density_of!r} with {name}, which prunes weights; expected for it {', '.join(by_channel)}."
        )
    if not densities:
        return row
    if not isinstance(row, ByWeight) or row.scope != "layer":
        by_layer = [name for name, row in HEURISTICS.items() if isinstance(row, ByWeight) and row.scope == "layer"]
        raise ValueError(f"{name} does not prune by layer; expected, for densities by layer, {', '.join(by_layer)}.")
    return replace(row, layer_densities=densities)


def control_of(name: str, kind: str) -> str | None:
    """Return the heuristic that is the "random" or "shuffled" control of the one of this name; None if there is none.

    A "random" one draws as many weights of each layer as the rates by layer say; where layers come out by a global
    threshold there is none.
    """
    control = name.replace("magnitude", kind)
    if control == name or control not in HEURISTICS or (kind == "random" and name not in by_rounds.DRAWN):
        return None
    return control
