"""Where figures are written: whole, and not over one another."""

import statistics

import pytest

from paper_figures.accuracy import spread
from paper_figures.blocks import blocks
from paper_figures.save import save_figures, whole
from paper_figures.scene import scenes
from tf_lottery import results


@pytest.mark.parametrize("column", [{"seed": 1}, {"training": "tother"}], ids=["seeds", "epochs"])
def test_figures_of_two_trainings_of_a_store_are_two_files_in_whatever_order_they_are_drawn(row, tmp_path, column):
    one = [row("dense"), row(accuracy=0.8)]
    other = [row("dense", **column), row(accuracy=0.7, **column)]
    first, second, both = map(results.table, (one, other, one + other))
    (alone,) = save_figures(first, tmp_path, among=first)
    assert alone.name == "accuracy-data-net-iterative-global_magnitude.png"  # the store has no other
    picture = alone.read_bytes()
    (told,) = save_figures(second, tmp_path, among=both)
    (again,) = save_figures(first, tmp_path, among=both)
    assert len({alone, told, again}) == 3
    training, seed = (column.get(name, default) for name, default in (("training", "0"), ("seed", 0)))
    assert told.stem == f"{alone.stem}-{training}-seed_{seed}"
    assert alone.read_bytes() == picture
    assert told.read_bytes() != again.read_bytes()


def test_two_writers_of_one_file_have_a_place_each_and_what_fails_leaves_nothing(tmp_path):
    path = tmp_path / "a.csv"
    with whole(path) as one, whole(path) as other:
        assert one != other
        one.write_text("1")
        other.write_text("2")
    assert path.read_text() == "1"  # the last that was put in place

    def fail():
        with whole(path) as one:
            one.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_the_spread_of_dense_networks_is_their_standard_deviation_as_a_sample(small):
    small = small.copy()
    small.loc[small.technique == "dense", "test_accuracy"] = [0.90, 0.92, 0.97]
    (block,) = blocks(small.assign(source="own"))
    expected = 100 * statistics.stdev([0.90, 0.92, 0.97])
    assert spread(block) == pytest.approx(expected)
    (scene,) = scenes([block])
    numbers = small.assign(source="own", trials=3)
    assert f"grey: their standard deviation, {expected:.2f}." in scene.note(numbers)
