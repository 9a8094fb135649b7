"""Where every stage of a network with convolutions and batch norm starts: weights, statistics, slots and masks."""

import numpy as np
import paper_in_numpy as paper
import pytest

T, RETRAINED, DENSITIES = 2, 1, (0.8, 0.64)
RECIPE = paper.Recipe(rate=0.1, momentum=0.9, decay=2e-4, batch=64, epochs=T, examples=1_297)


@pytest.fixture(scope="module")
def store(runs):
    runs.run(
        "--network=resnet8_x0.25", f"--epochs={T}", "--batch_size=64", f"--density={DENSITIES[-1]}", "--trials=1",
        f"--retrain_epochs={RETRAINED}", "--strategy=" + ",".join(paper.TECHNIQUES),
    )  # fmt: skip
    runs.rows = runs.table()
    return runs


def find(store, technique, level):
    rows = store.rows[store.rows.technique == technique]
    if technique != "dense":
        rows = rows[(rows.density - DENSITIES[level]).abs() < 1e-9]
    assert len(rows) == 1
    return store.stage(rows.iloc[0].stage)


@pytest.mark.parametrize("level", range(len(DENSITIES)))
@pytest.mark.parametrize("technique", paper.TECHNIQUES)
def test_a_stage_starts_as_the_paper_says(store, technique, level):
    dense = find(store, "dense", 0)
    parent = find(store, technique, level - 1) if level else dense
    stage = find(store, technique, level)
    kernels = [name.removeprefix("masks/") for name in parent.final if name.startswith("masks/")]
    assert sum("conv" in name for name in kernels) == 7
    assert any("bn" in name and "variance" in name for name in parent.final)

    before = [parent.final[f"masks/{name}"] for name in kernels]
    weights = [parent.final[f"weights/{name}"] for name in kernels]
    masks = dict(zip(kernels, paper.global_magnitude(weights, before, DENSITIES[level]), strict=True))
    for name, mask in masks.items():
        assert np.array_equal(stage.final[f"masks/{name}"], mask)

    if technique == "reinit":  # of no state that is kept: only what must not be there can be told
        slots = [name for name in stage.start if name.startswith("optimizer/accumulators/")]
        assert all(stage.start[name] == store.digest(np.zeros_like(parent.final[name])) for name in slots)
        kernel = f"weights/{kernels[0]}"
        states = (parent.final, *dense.points.values())
        assert all(stage.start[kernel] != store.digest(state[kernel] * masks[kernels[0]]) for state in states)
        return
    begin = parent.final
    if technique in paper.REWINDS_WEIGHTS:
        begin = dense.points[RECIPE.steps - RECIPE.steps_of(RETRAINED)]
    for name, array in begin.items():
        kind, _, rest = name.partition("/")
        weight = rest.partition("/")[2] if kind == "optimizer" else rest
        if kind == "masks":
            array = masks[rest].astype(array.dtype)
        elif weight in masks:
            array = np.where(masks[weight] != 0, array, array.dtype.type(0))
        assert stage.start[name] == store.digest(array), name
    assert stage.start.keys() == begin.keys()
