"""Where the compiled loop takes its examples from: all of them in memory, or the next ones as they stream in.

Both give the same bytes: the order is drawn outside, and images stay uint8 until their batch is made in the loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import psutil

from tf_lottery.datasets.dataset import Images, Labels, Split, Splits
from tf_lottery.lazy_tf import tf

Choice = Literal["auto", "memory", "stream"]

_LARGEST_EVALUATION_BATCH = 1000
_LARGEST_PIECE = 64 * 2**20  # bytes of images in one streamed piece
_SHARE_OF_MEMORY = 0.25  # of what is available, that data may take to be held: they are there twice for a moment


class HeldOutPiece(NamedTuple):
    """Some batches of a split that is evaluated."""

    first: Any  # batch
    count: Any  # of batches
    streamed: tuple[Any, ...]  # what a stream brings along: images, labels, and 1 for what counts


class Input(Protocol):
    """A source of batches."""

    largest_piece: int | None  # examples in one call of the training loop; None if any number

    def signature(self, examples: int) -> tuple[Any, ...]:
        """Return the shapes and types of what `part` returns for so many examples."""

    def part(self, places: np.ndarray) -> tuple[Any, ...]:
        """Return what a piece of training brings along of the examples at these places [examples]."""

    def batch(self, part: tuple[Any, ...], places: Any, start: Any) -> tuple[Any, Any]:
        """Return images and labels of one batch, in the loop; it starts at this position of the piece."""

    def held_out_pieces(self, split: str) -> Iterator[HeldOutPiece]:
        """Yield what evaluates all of "validation" or "test", in order."""

    def held_out_batch(self, piece: HeldOutPiece, index: Any) -> tuple[Any, Any, Any]:
        """Return images, labels, and 1 for what counts, of one batch, in the loop."""


class Memory:
    """All examples as tensors on the device."""

    largest_piece: int | None = None

    def __init__(self, splits: Splits) -> None:
        """Put them there."""
        self._images, self._labels = tf.constant(splits.train.images), tf.constant(splits.train.labels)
        held_out = _HeldOut(splits)
        self._ranges, self._size = held_out.ranges, held_out.size
        self._held_out = tuple(map(tf.constant, held_out.all_batches()))

    def signature(self, examples: int) -> tuple[Any, ...]:
        del examples
        return ()

    def part(self, places: np.ndarray) -> tuple[Any, ...]:
        del places
        return ()

    def batch(self, part: tuple[Any, ...], places: Any, start: Any) -> tuple[Any, Any]:
        del part, start
        return tf.gather(self._images, places), tf.gather(self._labels, places)

    def held_out_pieces(self, split: str) -> Iterator[HeldOutPiece]:
        first, count = self._ranges[split]
        yield HeldOutPiece(tf.constant(first), tf.constant(count), ())

    def held_out_batch(self, piece: HeldOutPiece, index: Any) -> tuple[Any, Any, Any]:
        del piece
        return _slices(self._held_out, index * self._size, self._size)


class Stream:
    """Examples stay where they are, an array or a mapped file, and those of the next call are copied to the device."""

    def __init__(self, splits: Splits) -> None:
        """Keep them where they are."""
        self._train = splits.train
        self._held_out = _HeldOut(splits)
        per_image = max(1, int(np.prod(splits.train.images.shape[1:])))
        self.largest_piece: int | None = max(1, _LARGEST_PIECE // per_image)
        self._batches = max(1, self.largest_piece // self._held_out.size)

    def signature(self, examples: int) -> tuple[Any, ...]:
        images, labels = self._train
        return (
            tf.TensorSpec((examples, *images.shape[1:]), images.dtype),
            tf.TensorSpec((examples,), labels.dtype),
        )

    def part(self, places: np.ndarray) -> tuple[Any, ...]:
        return self._train.images[places], self._train.labels[places]

    def batch(self, part: tuple[Any, ...], places: Any, start: Any) -> tuple[Any, Any]:
        images, labels = _slices(part, start, places.shape[0])
        return images, labels

    def held_out_pieces(self, split: str) -> Iterator[HeldOutPiece]:
        first, count = self._held_out.ranges[split]
        for begin in range(first, first + count, self._batches):
            batches = min(self._batches, first + count - begin)
            arrays = self._held_out.batches(split, begin - first, self._batches)
            yield HeldOutPiece(tf.constant(0), tf.constant(batches), tuple(map(tf.constant, arrays)))

    def held_out_batch(self, piece: HeldOutPiece, index: Any) -> tuple[Any, Any, Any]:
        return _slices(piece.streamed, index * self._held_out.size, self._held_out.size)


INPUTS: Mapping[str, Any] = {"memory": Memory, "stream": Stream}


def choose(choice: Choice, splits: Splits) -> Input:
    """Return the input asked for; "auto" streams what would take more than a quarter of the available memory."""
    if choice == "auto":
        needed = sum(split.images.nbytes + split.labels.nbytes for split in splits)
        choice = "memory" if needed <= _SHARE_OF_MEMORY * psutil.virtual_memory().available else "stream"
    chosen: Input = INPUTS[choice](splits)
    return chosen


class _HeldOut:
    """Validation and test in whole batches of one size; what fills a split's last batch counts nothing."""

    def __init__(self, splits: Splits) -> None:
        self._splits = {"validation": splits.validation, "test": splits.test}
        self.size = min(_LARGEST_EVALUATION_BATCH, *(len(split.labels) for split in self._splits.values()))
        self.ranges: dict[str, tuple[int, int]] = {}  # first batch and number of batches
        first = 0
        for name, split in self._splits.items():
            self.ranges[name] = (first, -(-len(split.labels) // self.size))
            first += self.ranges[name][1]

    def batches(self, split: str, first: int, count: int) -> tuple[Images, Labels, np.ndarray]:
        """Return so many batches from the split's own `first` on; those after its end are the last example again."""
        examples: Split = self._splits[split]
        places = np.arange(first * self.size, (first + count) * self.size)
        inside = np.minimum(places, len(examples.labels) - 1)
        counts = (places < len(examples.labels)).astype(np.float32)
        return examples.images[inside], examples.labels[inside], counts

    def all_batches(self) -> tuple[Images, Labels, np.ndarray]:
        """Return those of validation, then those of test."""
        parts = [self.batches(name, 0, count) for name, (_, count) in self.ranges.items()]
        images, labels, counts = map(np.concatenate, zip(*parts, strict=True))
        return images, labels, counts


def _slices(arrays: tuple[Any, ...], start: Any, size: int) -> Any:
    return tuple(tf.slice(array, [start, *[0] * (len(array.shape) - 1)], [size, *array.shape[1:]]) for array in arrays)
