"""What `fit` goes over: the pieces of a training, each as many steps as one call of the compiled loop takes."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tf_lottery.lazy_tf import tf
from tf_lottery.rewinding.retraining import Momenta
from tf_lottery.rewinding.schedules import Rates
from tf_lottery.training.inputs import Input
from tf_lottery.training.order import positions
from tf_lottery.training.randomness import Draws

_ROWS_OF_ORDER = 16  # so many of 1,000 examples come in the same order twice once in 10^48


class Piece(NamedTuple):
    """Some consecutive steps of one epoch. All pieces have one shape; what is after `count` steps is filled up."""

    first: Any  # step of the epoch, from 0
    count: Any  # steps
    rates: Any  # [steps] learning rate of each
    momenta: Any  # [steps] momentum of each
    rows: Any  # [steps * batch, 1 or 4] which example, shifted and flipped how: of `order.positions`
    part: tuple[Any, ...]  # what the input brings along


class Feed:
    """A dataset of pieces, made once in a process: it goes over whatever training was put in last."""

    def __init__(
        self,
        source: Input,
        *,
        examples: int,
        batch_size: int,
        longest_epoch: int,
        pieces_per_epoch: int,
        augmented: bool,
        cut_every: int = 0,
    ) -> None:
        """Make the dataset.

        Args:
            source: Of the examples.
            examples: In the training split.
            batch_size: Examples in a step.
            longest_epoch: Most steps that an epoch of any training has.
            pieces_per_epoch: At least; more where the source bounds a piece.
            augmented: Whether rows have a shift and a flip.
            cut_every: A piece ends after each multiple of so many steps of a training; 0: wherever.
        """
        self._cut_every = cut_every
        self._source, self._examples, self._batch_size, self._augmented = source, examples, batch_size, augmented
        most = min(-(-longest_epoch // pieces_per_epoch), max(1, (source.largest_piece or 2**31) // batch_size))
        self.pieces_per_epoch = -(-longest_epoch // most)
        self.steps = -(-longest_epoch // self.pieces_per_epoch)  # in one piece, at most
        if cut_every:
            parts = -(-cut_every // self.steps)
            self.steps = min(self.steps, -(-cut_every // parts))
            cuts = 2 + (longest_epoch - 2) // cut_every  # at most, if the epoch begins one step before a multiple
            self.pieces_per_epoch = min(parts * cuts, -(-longest_epoch // self.steps) + cuts)
        self._work: tuple[Rates, Momenta, Sequence[int], int, Draws] | None = None
        self._orders: dict[int, str] = {}
        self.dataset = tf.data.Dataset.from_generator(self._pieces, output_signature=self._signature()).prefetch(1)

    def put(self, *, rates: Rates, momenta: Momenta, ends: Sequence[int], first_epoch: int, draws: Draws) -> None:
        """Have the dataset's next iteration give the pieces of this training, from an epoch on.

        Args:
            rates: Of each step.
            momenta: Of each step.
            ends: Steps at which epochs end, ascending, from 0.
            first_epoch: Counted from 0.
            draws: Random numbers of the training.
        """
        self._work = rates, momenta, ends, first_epoch, draws
        self._orders = {}

    def order(self, epoch: int) -> str:
        """Return what tells the order of examples in this epoch from that of others.

        A letter and eight digits, of the first rows that were fed of the pass over the data which begins in the epoch;
        "" if none does.
        """
        return self._orders.get(epoch, "")

    def piece_ends(self, epoch: int) -> list[int]:
        """Return the steps of the training at which the pieces of this epoch, from 0, end; the last may have none."""
        if self._work is None:
            return []
        _, _, ends, _, _ = self._work
        return [int(mark) for mark in self._marks(ends[epoch], ends[epoch + 1])[1:]]

    def _marks(self, begin: int, end: int) -> list[int]:
        """Return where the pieces of the epoch between these steps begin and end: one more than there are pieces."""
        if not self._cut_every:
            return [begin + int(mark) for mark in np.linspace(0, end - begin, self.pieces_per_epoch + 1).round()]
        first = (begin // self._cut_every + 1) * self._cut_every
        marks = [begin]
        for cut in (*range(first, end, self._cut_every), end):
            parts = -(-(cut - marks[-1]) // self.steps)
            marks += [int(mark) for mark in np.linspace(marks[-1], cut, parts + 1).round()[1:]]
        return marks + [end] * (self.pieces_per_epoch + 1 - len(marks))

    def _pieces(self) -> Iterator[Piece]:
        if self._work is None:
            return
        rates, momenta, ends, first_epoch, draws = self._work
        for epoch, (begin, end) in enumerate(itertools.pairwise(ends[first_epoch:]), first_epoch):
            marks = [mark - begin for mark in self._marks(begin, end)]
            rows = positions(
                draws,
                examples=self._examples,
                first=begin * self._batch_size,
                last=end * self._batch_size,
                augmented=self._augmented,
            )
            pass_begins = -begin * self._batch_size % self._examples
            if pass_begins + _ROWS_OF_ORDER <= len(rows):
                seen = np.ascontiguousarray(rows[pass_begins : pass_begins + _ROWS_OF_ORDER])
                self._orders[epoch] = f"o{zlib.crc32(seen.data):08x}"
            for first, last in itertools.pairwise(marks):
                own = _fill(rows[first * self._batch_size : last * self._batch_size], self.steps * self._batch_size)
                yield Piece(
                    first=np.int32(first),
                    count=np.int32(last - first),
                    rates=_fill(rates[begin + first : begin + last], self.steps),
                    momenta=_fill(momenta[begin + first : begin + last], self.steps),
                    rows=own,
                    part=self._source.part(own[:, 0]),
                )

    def _signature(self) -> Piece:
        positions_ = self.steps * self._batch_size
        return Piece(
            first=tf.TensorSpec((), tf.int32),
            count=tf.TensorSpec((), tf.int32),
            rates=tf.TensorSpec((self.steps,), tf.float32),
            momenta=tf.TensorSpec((self.steps,), tf.float32),
            rows=tf.TensorSpec((positions_, 4 if self._augmented else 1), tf.int32),
            part=self._source.signature(positions_),
        )


def _fill(values: Any, length: int) -> Any:
    filled = np.zeros((length, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled
