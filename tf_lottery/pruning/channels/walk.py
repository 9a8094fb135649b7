"""The analysis of a model: each call of its graph by the rule of the layer's kind."""

from __future__ import annotations

from typing import Any

from tf_lottery.lazy_tf import tf
from tf_lottery.pruning.channels.graph import Call, Graph, Nonzero
from tf_lottery.pruning.channels.labels import NotFollowedError, Tensor
from tf_lottery.pruning.channels.operators import TFOpLambda
from tf_lottery.pruning.channels.rules import RULES
from tf_lottery.pruning.cloning import inner_layer, is_followed


def analysed(model: Any, nonzero: Nonzero) -> Graph:
    """Return what the rules say of a model.

    Args:
        model: Sequential or functional, built; in wrappers of masks the layers themselves are looked at.
        nonzero: Says of a variable which of its values count.
    """
    graph = Graph(nonzero)
    for tensor in _walked(graph, model, [Tensor(shape=tuple(each.shape)) for each in _ends(model, "inputs")]):
        graph.pin(tensor.labels)
    for layer in getattr(model, "_output_layers", ()):
        graph.mixing.pop(id(inner_layer(layer)), None)  # the model's outputs: all that these make stays anyway
    _pin_variables(graph, model)
    return graph


def _ends(model: Any, which: str) -> list[Any]:
    return list(getattr(model, which) or ())


def _walked(graph: Graph, model: Any, inputs: list[Tensor]) -> list[Tensor]:
    """Follow every call in a model, and return its outputs."""
    ends = _ends(model, "inputs")
    found = {id(each): tensor for each, tensor in zip(ends, inputs, strict=True)}
    depths = getattr(model, "_nodes_by_depth", {})
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            if not node.is_input:
                outputs = tf.nest.flatten(node.outputs)
                found.update(zip(map(id, outputs), _labelled(graph, node, found), strict=True))
    return [found[id(each)] for each in _ends(model, "outputs")]


def _labelled(graph: Graph, node: Any, found: dict[int, Tensor]) -> list[Tensor]:
    """Return the labelled outputs of a call; if it cannot be followed, whole ones, and all that it reads stays."""
    layer, shapes = inner_layer(node.layer), [tuple(each.shape) for each in tf.nest.flatten(node.outputs)]
    read = [found[id(each)] for each in tf.nest.flatten(node.keras_inputs)]
    try:
        outputs = _outputs(graph, layer, node, found, shapes)
    except NotFollowedError as reason:
        graph.barriers[id(layer)] = layer.name, str(reason)
        for tensor in read:
            graph.pin(tensor.labels)
        return [Tensor(shape=shape) for shape in shapes]
    graph.tensors += [tensor.labels for tensor in outputs if tensor.axis is not None]
    return outputs


def _outputs(
    graph: Graph, layer: Any, node: Any, found: dict[int, Tensor], shapes: list[tuple[int | None, ...]]
) -> list[Tensor]:
    if is_followed(layer):
        if not getattr(layer, "_nodes_by_depth", None):
            raise NotFollowedError("the calls in it are not known")
        given = layer._flatten_to_reference_inputs(node.call_args[0])
        if len(given) < len(node.keras_inputs):
            raise NotFollowedError("it is called on more than its inputs")
        return _inside(graph, layer, [found[id(each)] for each in given], shapes)
    if type(layer) not in RULES:
        raise NotFollowedError(f"no rule for {type(layer).__name__}")
    flat = [each for each in tf.nest.flatten(node.call_args[:1]) if id(each) in found]
    is_operator = type(layer) is TFOpLambda
    if len(flat) < len(node.keras_inputs) and not is_operator:
        raise NotFollowedError("it is called on more than its inputs")
    inputs = tf.nest.flatten(node.keras_inputs) if is_operator else flat
    call = Call(
        inputs=[found[id(each)] for each in inputs], shapes=shapes, args=node.call_args, kwargs=node.call_kwargs
    )
    known = set(graph.makers)
    found_here = RULES[type(layer)](graph, layer, call)
    outputs = found_here if isinstance(found_here, list) else [found_here]
    graph.given.update((reference, (layer, outputs[0])) for reference in graph.makers.keys() - known)
    graph.called.setdefault(id(layer), call.inputs)
    return outputs


def _inside(graph: Graph, model: Any, given: list[Tensor], shapes: list[tuple[int | None, ...]]) -> list[Tensor]:
    """Follow a model in the model: once, on the shapes that it was built for; all its calls are tied to that."""
    if id(model) not in graph.called:
        entered = [
            _shaped(tensor, tuple(each.shape)) for tensor, each in zip(given, _ends(model, "inputs"), strict=True)
        ]
        graph.left[id(model)] = _walked(graph, model, entered)
        graph.called[id(model)] = entered
    for tensor, inside in zip(given, graph.called[id(model)], strict=True):
        if inside.axis is None:
            graph.pin(tensor.labels)
        else:
            graph.tie(graph.along(tensor, inside.axis), inside.labels)
    return [_shaped(tensor, shape, graph) for tensor, shape in zip(graph.left[id(model)], shapes, strict=True)]


def _shaped(tensor: Tensor, shape: tuple[int | None, ...], graph: Graph | None = None) -> Tensor:
    """Return the same labels on another shape; if that has other channels, a whole tensor, and the labels stay."""
    if tensor.axis is not None and len(shape) == len(tensor.shape) and shape[tensor.axis] == len(tensor.labels):
        return Tensor(shape=shape, axis=tensor.axis, labels=tensor.labels)
    if graph is not None:
        graph.pin(tensor.labels)
    return Tensor(shape=shape)


def _pin_variables(graph: Graph, model: Any) -> None:
    """Keep whole every variable that a layer without a rule has, wherever else it is used: tied embeddings."""
    for layer in model._flatten_layers():
        if id(layer) in graph.barriers:
            for variable in layer.weights:
                for labels in graph.axes.get(variable.ref(), {}).values():
                    graph.pin(labels)
