"""When a stage that ends with an error is said to lack memory: never for another reason."""

import pytest

from tf_lottery.experiments.executors.executor import Execution
from tf_lottery.experiments.executors.inline import TooLittleMemoryError, run_inline
from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.plan import plan
from tf_lottery.experiments.store import Store
from tf_lottery.networks.recipes import resolve


class ResourceExhaustedError(Exception):
    """As TensorFlow's is called."""


class Reporter:
    def epoch(self, *_):
        pass

    def ended(self, *_):
        pass


@pytest.mark.parametrize(
    ("error", "lacks_memory"),
    [
        (ResourceExhaustedError("\n OOM when allocating tensor with shape[9,9].\nmore"), True),
        (ResourceExhaustedError("failed to allocate memory"), True),
        (ResourceExhaustedError("No space left on device"), False),
        (ResourceExhaustedError("Too many open files"), False),
        (MemoryError(), True),
        (RuntimeError("OOM"), False),
    ],
)
def test_memory_is_blamed_only_where_it_was_memory(tmp_path, error, lacks_memory):
    def import_tensorflow():
        raise error

    grid = Grid(
        network="lenet_300_100", dataset="digits", training=resolve("lenet_digits", examples=1297),
        heuristics=("global_magnitude",), schedule="one_shot", techniques=("lr_rewind",), densities=(0.5,),
        retrain_epochs=(), trials=1, seed=0,
    )  # fmt: skip
    stages = plan(grid.specs())
    with pytest.raises(TooLittleMemoryError if lacks_memory else type(error)) as met:
        run_inline(stages, Store(tmp_path), Execution(), Reporter(), import_tensorflow=import_tensorflow)
    if lacks_memory:
        assert met.value.__cause__ is error
        said = str(error).strip().splitlines()[:1] or ["MemoryError"]
        assert f"stage {stages[0].name} needs more memory than there is ({said[0].rstrip('.')})" in str(met.value)
    else:
        assert met.value is error
