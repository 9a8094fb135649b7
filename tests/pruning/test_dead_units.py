import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lottery.pruning.dead_units import dead_units, without_dead_units


def as_masks(*rows):
    return {f"kernel_{place}": np.array(row, np.uint8) for place, row in enumerate(rows)}


def test_a_unit_without_inputs_or_outputs_goes_and_so_does_one_that_it_alone_fed():
    # 2 inputs -> 3 units -> 2 units -> 1 output. Unit 2 of the first layer has no input; it alone feeds unit 1 of the
    # second. Unit 1 of the first has no output.
    masks = as_masks([[1, 1, 0], [1, 0, 0]], [[1, 0], [0, 0], [1, 1]], [[1], [1]])
    assert dead_units(masks) == 2
    new = without_dead_units(masks)
    assert new["kernel_0"].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert new["kernel_1"].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert new["kernel_2"].tolist() == [[1], [0]]
    assert dead_units(new) == 3
    assert masks["kernel_2"].tolist() == [[1], [1]]  # what was given stays


def test_maps_are_units_in_a_dense_layer_that_reads_them_flattened():
    convolution = np.ones((1, 1, 1, 2), np.uint8)
    dense = np.array([[0], [1], [0], [1]], np.uint8)  # 2 positions x 2 maps, maps last: nothing reads map 0
    new = without_dead_units({"convolution": convolution, "dense": dense})
    assert new["convolution"].ravel().tolist() == [0, 1]
    assert new["dense"].ravel().tolist() == [0, 1, 0, 1]


chains = (
    st.integers(0, 2**32 - 1)
    .map(np.random.default_rng)
    .map(
        lambda generator: as_masks(
            *(
                (generator.random(shape) < generator.uniform(0, 0.6)).tolist()
                for shape in ((3, 3, 1, 4), (2, 2, 4, 3), (2 * 3, 5), (5, 4))
            )
        )
    )
)


@given(chains)
def test_what_is_left_lies_on_a_path_from_inputs_to_outputs_and_every_path_is_left(masks):
    """Paths counted by products of matrices, flattened maps by hand: another computation than the library's."""

    def counts(given):
        first = given["kernel_0"].astype(int).sum(axis=(0, 1))  # [1, 4]
        second = given["kernel_1"].astype(int).sum(axis=(0, 1))
        third = given["kernel_2"].astype(int).reshape(2, 3, 5).sum(axis=0)
        return [first, second, third, given["kernel_3"].astype(int)]

    new = without_dead_units(masks)
    before, after = counts(masks), counts(new)
    assert (np.linalg.multi_dot(before) == np.linalg.multi_dot(after)).all()
    for place in range(4):
        entered = np.linalg.multi_dot([np.ones((1, 1), int), *after[:place], np.eye(after[place].shape[0], dtype=int)])
        leaving = np.eye(after[place].shape[1], dtype=int)
        for matrix in after[place + 1 :]:
            leaving = leaving @ matrix
        on_path = (entered.ravel() > 0)[:, None] & (leaving.sum(axis=1) > 0)[None, :]
        assert not after[place][~on_path].any()
    assert all((new[name] <= masks[name]).all() for name in masks)
    assert all((one == two).all() for one, two in zip(new.values(), without_dead_units(new).values(), strict=True))


def test_kernels_that_are_no_chain_are_refused():
    with pytest.raises(ValueError, match=r"kernel_1 reads \(4,\) inputs, kernel_0 has 3 outputs; expected the kernels"):
        without_dead_units(as_masks(np.ones((2, 3)), np.ones((4, 1))))
