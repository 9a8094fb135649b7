"""`shrink(model)`: the same model without the channels that nothing reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lottery.lazy_tf import tfmot_wrapper
from tf_lottery.pruning.channels.equality import checked
from tf_lottery.pruning.channels.graph import Graph, Kept, Nonzero
from tf_lottery.pruning.channels.liveness import kept
from tf_lottery.pruning.channels.rebuild import Axes, kept_axes, rebuilt
from tf_lottery.pruning.channels.report import LayerChannels, ShrinkReport
from tf_lottery.pruning.channels.walk import analysed
from tf_lottery.pruning.cloning import check_model, masked_layers, own_weights
from tf_lottery.pruning.flops import flops, parameters
from tf_lottery.pruning.trial_inputs import taken
from tf_lottery.pruning.wrapper import Masked


def shrink(model: Any, *, inputs: Any = None) -> tuple[Any, ShrinkReport]:
    """Return the model without the filters, units and features that nothing reads, and what was removed.

    A channel goes if every weight by which its readers read it is 0, in all of them: then nothing of what is left
    depends on it, whatever biases and shifts it has, and outputs are equal but for rounding, in training too. Weights,
    names, dtypes, what is frozen, compilation, optimizer slots and step are those of the model. Where all channels of
    a layer would go, one stays. Inputs and outputs of the model stay as they are.

    A prunable model becomes a prunable one with its masks, and its training goes on; what its masks do not keep counts
    as 0, and nothing else, for other zeros may be trained to be something else. Penalties change where they are sums
    over what has gone: weight decay, activity regularizers.

    Layers that channels cannot be followed through (statistics over channels, attention, layers and operators of your
    own) stay as they are, and so does all that they read: `report.barriers` says which and why.

    Args:
        model: Sequential or functional, of Keras 2; plain, or of `prunable`.
        inputs: One batch to compare on, as `predict` takes it; random numbers, ids and texts that fit if not given.

    Returns:
        The smaller model, which shares nothing with the given one, and a report: channels of each layer, parameters,
        FLOPs, and which indices of each weight were kept.

    Raises:
        ShrinkError: Outputs differ by more than rounding, in float64 too.
        TypeError: Not a Keras 2 model.
        ValueError: A subclassed model, one without weights, one in TF-MOT's own wrappers, or inputs that it does not
            take.
    """
    check_model(model)
    _check_wrappers(model)
    batch, expected = taken(model, inputs)
    graph = analysed(model, nonzero_of(model))
    which = kept(graph)
    small = rebuilt(model, graph, which)
    most = checked(model, small, batch, expected)
    return small, _report(model, small, graph, which, batch, most)


def nonzero_of(model: Any) -> Nonzero:
    """Return the function that says which values of a variable count: all that masks keep, or that are not 0."""
    masks = {weight.ref(): mask for layer in masked_layers(model) for weight, mask, _ in layer.pruning_vars}

    def nonzero(variable: Any) -> Any:
        if not masks:
            return variable.numpy() != 0
        mask = masks.get(variable.ref())
        return np.ones(variable.shape, np.bool_) if mask is None else mask.numpy() != 0

    return nonzero


def _check_wrappers(model: Any) -> None:
    for layer in model._flatten_layers():
        if isinstance(layer, tfmot_wrapper.PruneLowMagnitude) and not isinstance(layer, Masked):
            raise ValueError(
                f"{layer.name} is in TF-MOT's own pruning wrapper, whose masks change while it is trained. Expected a "
                "plain or a prunable model: give tl.strip(model), or tl.prunable(model), which keeps the masks."
            )


def _report(model: Any, small: Any, graph: Graph, which: Kept, batch: Any, most: float) -> ShrinkReport:
    made = [(name, which(labels)) for name, labels in graph.made.values()]
    return ShrinkReport(
        layers=tuple(LayerChannels(name=name, before=each.size, after=int(each.sum())) for name, each in made),
        parameters_before=parameters(model).all,
        parameters_after=parameters(small).all,
        flops_before=flops(model, inputs=batch),
        flops_after=flops(small, inputs=batch),
        largest_difference=most,
        barriers=dict((*graph.barriers.values(), *graph.mixing.values())),
        kept=_kept_weights(model, graph, which),
    )


def _kept_weights(model: Any, graph: Graph, which: Kept) -> dict[str, Axes]:
    found: dict[str, Axes] = {}
    for weight in own_weights(model):
        plain = weight.name.removesuffix(":0")
        name, number = plain, 1
        while name in found:
            number += 1
            name = f"{plain}#{number}"
        found[name] = kept_axes(weight, graph, which)
    return found
