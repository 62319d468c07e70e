"""Training rows on disk: written once, read back in any order, never all in memory.

A row is a fixed number of bytes, so that row i is found without an index and a batch is read by
one seek a row. An epoch's order is a permutation of numbers: drawn whole where there are few, and
computed, not stored, beyond, so that the shuffle is exact and memory does not grow with the rows.
The file is read, not mapped, so that what the operating system caches of it does not count as ours
either.
"""

import os
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lolomo.core.errors import ModelError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by name, of equal length along their first axis."""
DRAWN_WHOLE = 2**17
"""Up to so many rows the order of an epoch is drawn whole."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class StoredRows:
    """Rows of named arrays in one file without a name, which ends with the last reference."""

    descriptor: int
    """Of the open file."""
    row: np.dtype[Any]
    """A structured type: a field an array."""
    num_rows: int

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self.descriptor)

    @classmethod
    def write(cls, parts: Iterable[Arrays], folder: Path | None = None) -> "StoredRows":
        """Write rows part by part.

        Args:
            parts: Equal names, types and trailing axes in every part.
            folder: Where the file lies; the system's temporary folder if None.

        Raises:
            ModelError: If a part differs from the first, or there is none.
        """
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            row, num_rows = None, 0
            for part in parts:
                packed = _packed(part)
                row = row or packed.dtype
                if packed.dtype != row:
                    raise ModelError(
                        f"received a part of {packed.dtype} after parts of {row}: every part must "
                        "have the same names, types and trailing axes"
                    )
                file.write(packed.data)
                num_rows += len(packed)
            if row is None:
                raise ModelError("received no part: expected at least one, if without rows")
            file.flush()
            return cls(os.dup(file.fileno()), row, num_rows)

    def read(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Return some rows, as a structured array. Shape: [places]."""
        rows = np.empty(len(places), self.row)
        for index, place in enumerate(places.tolist()):
            one = rows[index : index + 1].view(np.uint8).data
            os.preadv(self.descriptor, [one], place * self.row.itemsize)
        return rows

    def batches(self, batch_size: int, seed: int | None = None) -> tf.data.Dataset:
        """Return dicts of `[batch, ...]` tensors; the last batch may be smaller.

        Args:
            batch_size: Rows a batch.
            seed: From which the order of each epoch follows, always another one; None to read the
                rows in their order.
        """
        names = list(self.row.names or ())
        types = [tf.as_dtype(self.row[name].base) for name in names]

        def gather(places: NDArray[np.int64]) -> list[NDArray[Any]]:
            rows = self.read(places)
            return [np.ascontiguousarray(rows[name]) for name in names]

        def batch(places: Any) -> dict[str, Any]:
            values = tf.numpy_function(gather, [places], types, stateful=False)
            for name, value in zip(names, values, strict=True):
                value.set_shape([None, *self.row[name].shape])
            return dict(zip(names, values, strict=True))

        places = tf.data.Dataset.range(self.num_rows)
        if seed is not None:
            drawn = self.num_rows <= DRAWN_WHOLE
            places = places.shuffle(max(self.num_rows, 1), seed) if drawn else self._permuted(seed)
        return places.batch(batch_size).map(batch).prefetch(2)

    def _permuted(self, seed: int) -> tf.data.Dataset:
        """Return all places, permuted anew by a seed that each epoch draws."""
        last = max(self.num_rows - 1, 0)

        def epoch(drawn: Any) -> tf.data.Dataset:
            key = tf.stack([drawn, tf.constant(seed, tf.int64)])
            return tf.data.Dataset.range(self.num_rows).map(
                lambda place: tf.random.experimental.index_shuffle(
                    place, tf.cast(key, tf.int32), tf.constant(last, tf.int64)
                )
            )

        seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
        return seeds.flat_map(epoch).apply(tf.data.experimental.assert_cardinality(self.num_rows))


def _packed(arrays: Arrays) -> NDArray[Any]:
    """Return arrays as one structured array."""
    fields = [(name, values.dtype, values.shape[1:]) for name, values in arrays.items()]
    rows = np.empty(len(next(iter(arrays.values()))), fields)
    for name, values in arrays.items():
        rows[name] = values
    return rows
