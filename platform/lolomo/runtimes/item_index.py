"""An index of item vectors: finds the items of largest inner product without looking at all.

An inverted file (Sivic & Zisserman 2003; Jégou et al. 2011): k-means puts the items into cells, and
a query looks into those cells only whose mean vector has the largest product with it, which is the
mean of its products with the items there. A cell's vectors lie next to each other, so looking into
it is one product of a matrix that is mapped from the file.

A graph of near neighbours (HNSW) was tried first: a page asks for 500 items and more, for which the
graph must keep thousands of nodes in view, and it took ten minutes to build at a million items
where cells take seconds. Figures are in decision 11.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lolomo.core.errors import ReleaseError

APPROXIMATE_FROM = 100_000
"""Items from which on an index pays."""
INDEX = "items.arrow"
SCANNED = 50_000
"""Vectors that a query is compared with, at least."""
SCANNED_EACH = 40
"""And at least so many for each item that is asked for."""
ITERATIONS = 6
"""Of k-means."""
SAMPLE_EACH = 40
"""Vectors a cell that k-means looks at."""
ASSIGNED_AT_ONCE = 16_384

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """The vectors of items by cell, items by their place in the vocabulary."""

    vectors: Vectors
    """Cell after cell. Shape: [items, dim]."""
    places: Places
    """Of each vector, its item's place in the vocabulary. Shape: [items]."""
    starts: Places
    """Where each cell begins, and where the last ends. Shape: [cells + 1]."""
    means: Vectors
    """Of each cell's vectors. Shape: [cells, dim]."""

    @classmethod
    def build(cls, vectors: Vectors) -> Self:
        """Index vectors `[items, dim]`; the same vectors give the same index."""
        vectors = np.ascontiguousarray(vectors, np.float32)
        if not len(vectors):
            return cls(vectors, np.empty(0, np.int64), np.zeros(1, np.int64), vectors)
        cells = _nearest(vectors, _centres(vectors))
        places = np.argsort(cells, kind="stable")
        counts = np.bincount(cells)
        counts = counts[counts > 0]
        starts = np.concatenate([[0], np.cumsum(counts)])
        ordered = vectors[places]
        sums = np.add.reduceat(ordered, starts[:-1], axis=0)
        return cls(ordered, places, starts, (sums / counts[:, None]).astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open the index of a release's folder; its pages are read from disk as they are needed.

        Raises:
            ReleaseError: If there is none that can be read.
        """
        try:
            with pa.memory_map(str(path / INDEX)) as file:
                table = pa.ipc.open_file(file).read_all()
            vectors = table.column("vectors").chunk(0)
            dim = vectors.type.list_size
            more = table.schema.metadata
            return cls(
                vectors.flatten().to_numpy(zero_copy_only=True).reshape(-1, dim),
                table.column("places").chunk(0).to_numpy(zero_copy_only=True),
                np.frombuffer(more[b"starts"], np.int64),
                np.frombuffer(more[b"means"], np.float32).reshape(-1, dim),
            )
        except (pa.ArrowInvalid, OSError, KeyError, IndexError, TypeError, ValueError) as error:
            raise ReleaseError(
                f"{path / INDEX} is no index of items that can be read ({error}): publish the "
                "release again"
            ) from error

    def save(self, path: Path) -> None:
        """Write the index into a release's folder."""
        dim = self.vectors.shape[1]
        columns = {
            "vectors": pa.FixedSizeListArray.from_arrays(pa.array(self.vectors.ravel()), dim),
            "places": pa.array(self.places),
        }
        more = {"starts": self.starts.tobytes(), "means": self.means.tobytes()}
        table = pa.table(columns).replace_schema_metadata(more)
        with pa.OSFile(str(path / INDEX), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)

    def __len__(self) -> int:
        return len(self.places)

    def search(self, vectors: Vectors, k: int) -> tuple[Places, Vectors]:
        """Return about the k items of largest inner product, best first.

        Args:
            vectors: Of queries. Shape: [batch, dim].
            k: How many.

        Returns:
            Places in the vocabulary, -1 where there are fewer, and products, -inf there. Shapes:
            [batch, k].
        """
        places = np.full((len(vectors), k), -1, np.int64)
        products = np.full((len(vectors), k), -np.inf, np.float32)
        if len(self):
            for row, query in enumerate(np.asarray(vectors, np.float32)):
                found, values = self._near(query, k)
                places[row, : len(found)], products[row, : len(found)] = found, values
        return places, products

    def _near(self, query: Vectors, k: int) -> tuple[Places, Vectors]:
        """Return about the k best items of one query, best first."""
        cells = np.argsort(-(self.means @ query), kind="stable")
        running = np.cumsum(np.diff(self.starts)[cells])
        looked_into = np.searchsorted(running, max(SCANNED, SCANNED_EACH * k)) + 1
        spans = [
            (self.starts[cell], self.starts[cell + 1]) for cell in np.sort(cells[:looked_into])
        ]
        values = np.concatenate([self.vectors[start:stop] @ query for start, stop in spans])
        best = np.argpartition(-values, k - 1)[:k] if k < len(values) else np.arange(len(values))
        best = best[np.lexsort((best, -values[best]))]
        ends = np.cumsum([stop - start for start, stop in spans])
        span = np.searchsorted(ends, best, side="right")
        shift = np.array([stop for _, stop in spans]) - ends
        return self.places[best + shift[span]], values[best]


def _centres(vectors: Vectors) -> Vectors:
    """Return centres by k-means on a sample, about two a square root of the items. [cells, dim]."""
    rng = np.random.default_rng(0)
    num_cells = min(max(round(2 * len(vectors) ** 0.5), 1), len(vectors))
    num_seen = min(len(vectors), SAMPLE_EACH * num_cells)
    sample = vectors[np.sort(rng.choice(len(vectors), num_seen, replace=False))]
    centres = sample[rng.choice(num_seen, num_cells, replace=False)].copy()
    for _ in range(ITERATIONS):
        cells = _nearest(sample, centres)
        order = np.argsort(cells, kind="stable")
        counts = np.bincount(cells, minlength=num_cells)
        known = np.flatnonzero(counts)
        begins = (np.cumsum(counts) - counts)[known]
        sums = np.add.reduceat(sample[order], begins, axis=0)
        centres[known] = sums / counts[known, None]
    found: Vectors = centres
    return found


def _nearest(vectors: Vectors, centres: Vectors) -> NDArray[np.int64]:
    """Return the centre that is nearest to each vector. Shape: [vectors]."""
    half_lengths = 0.5 * (centres**2).sum(axis=1)
    parts: list[NDArray[np.int64]] = [
        np.argmax(vectors[start : start + ASSIGNED_AT_ONCE] @ centres.T - half_lengths, axis=1)
        for start in range(0, len(vectors), ASSIGNED_AT_ONCE)
    ]
    return np.concatenate(parts)
