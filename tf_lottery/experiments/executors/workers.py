"""How many processes share a plan, and how many threads each has."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from tf_lottery.cores import cores
from tf_lottery.experiments.plan import Stage

# TensorFlow with a network of the sizes here, and its data: 0.9 GB measured with LeNet-300-100, 1.1 GB with ResNet-20.
_BYTES_PER_PROCESS = 2 * 2**30


def workers_for(stages: Sequence[Stage]) -> int:
    """Return how many processes finish a plan soonest: one for each core, if there is work for so many.

    Two processes of one thread each train 1.2 to 1.3 times as many images of small steps as one process of two, and of
    large convolutions about as many (benchmarks/RESULTS.md: small steps leave a second thread waiting); but of stages
    that build on one another only one can run at a time. By the whole plan and the machine's memory, not by what is
    left to do or free, so that a plan that goes on has the same threads and so the same bytes.
    """
    parents = {name for stage in stages for name in stage.parents}
    chains = sum(stage.name not in parents for stage in stages)
    return max(1, min(cores(), chains, psutil.virtual_memory().total // _BYTES_PER_PROCESS))


def threads_for(workers: int) -> int:
    """Return the threads of each of so many processes."""
    return max(1, cores() // workers)
