import pytest

from tf_lottery.experiments.grid import Grid
from tf_lottery.experiments.layer_levels import Level, by_turns, on_the_way
from tf_lottery.experiments.plan import plan
from tf_lottery.networks.recipes import resolve

SHAPES = {"conv/kernel": (1, 1, 1, 100), "dense/kernel": (100, 10)}


def kept(density, total):
    """The authors' count: N - ceil((1 - d) (N - 1))."""
    return total + int(-(1 - density) * (total - 1) // 1)


def test_layers_go_down_together_each_by_its_own_share_and_end_where_they_should():
    levels = on_the_way((0.4, 0.16), {"conv/kernel": 0.25, "dense/kernel": 0.04}, SHAPES)
    # 0.4 is half the way to 0.16 on a logarithmic scale: 0.25 ** 0.5 and 0.04 ** 0.5.
    assert dict(levels[0].layer_densities) == pytest.approx({"conv/kernel": 0.5, "dense/kernel": 0.2})
    assert dict(levels[1].layer_densities) == {"conv/kernel": 0.25, "dense/kernel": 0.04}
    assert [round(level.density * 1100) for level in levels] == [
        kept(0.5, 100) + kept(0.2, 1000), kept(0.25, 100) + kept(0.04, 1000),
    ]  # fmt: skip


def test_by_turns_dense_layers_go_first_and_convolutions_stay_where_they_are_meanwhile():
    levels = [Level(density=0.5, layer_densities=(("conv/kernel", 0.7), ("dense/kernel", 0.5)))]
    levels.append(Level(density=0.2, layer_densities=(("conv/kernel", 0.6), ("dense/kernel", 0.1))))
    turns = by_turns(levels, SHAPES)
    assert [(turn.trained, dict(turn.layer_densities)) for turn in turns] == [
        ("dense", {"conv/kernel": 1.0, "dense/kernel": 0.5}),
        ("convolutional", {"conv/kernel": 0.7, "dense/kernel": 0.5}),
        ("dense", {"conv/kernel": 0.7, "dense/kernel": 0.1}),
        ("convolutional", {"conv/kernel": 0.6, "dense/kernel": 0.1}),
    ]
    assert [round(turn.density * 1100) for turn in turns] == [
        100 + kept(0.5, 1000), kept(0.7, 100) + kept(0.5, 1000),
        kept(0.7, 100) + kept(0.1, 1000), kept(0.6, 100) + kept(0.1, 1000),
    ]  # fmt: skip


def test_levels_of_layers_are_a_chain_even_where_a_level_is_pruned_once():
    levels = by_turns([Level(density=0.2, layer_densities=(("conv/kernel", 0.6), ("dense/kernel", 0.1)))], SHAPES)
    grid = Grid(
        network="lenet_5", dataset="digits", training=resolve("lenet_digits", examples=1297), trials=1, seed=0,
        heuristics=("layer_magnitude",), schedule="one_shot", techniques=("tenth_rate_fine_tune",), densities=(),
        retrain_epochs=(2,), layer_levels=tuple(levels), remove_dead_units=True,
    )  # fmt: skip
    dense, first, second = grid.specs()
    assert (first.parent, second.parent) == (dense, first)
    assert (first.trained, second.trained, second.search_cost) == ("dense", "convolutional", 4)
    assert second.remove_dead_units
    assert grid.size == len(plan(grid.specs())) == 3
