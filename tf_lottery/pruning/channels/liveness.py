"""Which channels are read by something that matters: the outputs of the model, and layers that are not understood."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_lottery.pruning.channels.graph import Graph, Kept
from tf_lottery.pruning.channels.labels import PINNED, Labels


def kept(graph: Graph) -> Kept:
    """Return the function that says of labels which of them stay: elimination of dead code.

    What stays in any case is live, and so is every class that something live reads: the values of what is left depend
    on nothing that goes, whatever biases and shifts there are. Where all channels of a tensor would go, the first
    stays, for a layer without any cannot be.
    """
    classes = graph.classes()
    live = np.zeros(graph.count, np.bool_)  # by the class
    live[PINNED] = True
    readings = [(classes[each.sources], classes[each.targets], each.through) for each in graph.readings]
    before = [-1] * len(readings)  # how many targets were live when it was last looked at
    while True:
        progress = False
        for place in reversed(range(len(readings))):
            sources, targets, through = readings[place]
            live_targets = live[targets]
            if (count := int(live_targets.sum())) > before[place]:
                before[place], progress = count, True
                live[sources[through[:, live_targets].any(axis=1)]] = True
        if not progress:
            break
    for labels in graph.everywhere():
        if labels.size and not live[classes[labels]].any():
            live[classes[labels.flat[0]]] = True

    def which(labels: Labels) -> npt.NDArray[np.bool_]:
        return live[classes[labels]]

    return which
