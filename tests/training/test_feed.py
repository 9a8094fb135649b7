"""What `fit` goes over, without a network."""

import itertools
import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_lottery.datasets.dataset import Split, Splits
from tf_lottery.training.feed import Feed
from tf_lottery.training.inputs import Memory
from tf_lottery.training.randomness import Draws

EXAMPLES, BATCH = 70, 16
SPLIT = Split(np.zeros((EXAMPLES, 2, 2, 1), np.uint8), np.zeros(EXAMPLES, np.int32))
SOURCE = Memory(Splits(SPLIT, SPLIT, SPLIT))


def feed():
    return Feed(SOURCE, examples=EXAMPLES, batch_size=BATCH, longest_epoch=6, pieces_per_epoch=2, augmented=False)


def fed(made, ends, draws):
    """Go over a training of these epochs."""
    ones = np.ones(ends[-1], np.float32)
    made.put(rates=ones, momenta=ones, ends=ends, first_epoch=0, draws=draws)
    for _ in made.dataset:
        pass
    return [made.order(epoch) for epoch in range(len(ends) - 1)]


def expected(draws, number):
    """Return the first rows of one pass over the data, told as documented."""
    rows = draws.generator("order", number).permutation(EXAMPLES)[:16].astype(np.int32)
    return f"o{zlib.crc32(rows.tobytes()):08x}"


def test_an_order_is_told_by_the_first_rows_of_the_pass_that_begins_in_the_epoch():
    one, two = Draws(seed=1, trial=2, depth=0), Draws(seed=1, trial=3, depth=0)
    # 70 examples in batches of 16: passes begin at 0, 70, 210 of positions 0-64, 64-160, 160-256; of 256-288, too late.
    made, passes = feed(), (0, 1, 3)
    assert fed(made, (0, 4, 10, 16, 18), one) == [*(expected(one, number) for number in passes), ""]
    assert fed(made, (0, 4, 10), two) == [expected(two, 0), expected(two, 1)]
    assert made.order(2) == ""  # of the training before


@settings(max_examples=25)  # each makes a dataset of TensorFlow's
@given(
    cut=st.integers(1, 70),
    longest=st.integers(2, 60),
    pieces=st.integers(1, 9),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
def test_pieces_end_at_every_multiple_of_the_steps_and_are_as_many_in_each_epoch(cut, longest, pieces, lengths):
    made = Feed(
        SOURCE, examples=EXAMPLES, batch_size=1, longest_epoch=longest, pieces_per_epoch=pieces, augmented=False,
        cut_every=cut,
    )  # fmt: skip
    ends = (0, *itertools.accumulate(min(length, longest) for length in lengths))
    ones = np.ones(ends[-1], np.float32)
    made.put(rates=ones, momenta=ones, ends=ends, first_epoch=0, draws=Draws(seed=1, trial=2, depth=0))
    for epoch, (begin, end) in enumerate(itertools.pairwise(ends)):
        marks = made.piece_ends(epoch)
        assert len(marks) == made.pieces_per_epoch
        assert marks == sorted(marks)
        assert marks[-1] == end
        assert set(range(begin + 1, end + 1)) & set(range(0, end, cut)) <= set(marks)
        assert np.diff([begin, *marks]).max() <= made.steps
