"""All executors by name."""

from __future__ import annotations

from collections.abc import Mapping

from tf_lottery.experiments.executors import inline, local
from tf_lottery.experiments.executors.executor import Executor
from tf_lottery.lookup import merge

EXECUTORS: Mapping[str, Executor] = merge("executor", inline.EXECUTORS, local.EXECUTORS)
