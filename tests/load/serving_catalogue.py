"""Simulated catalogues of any size: vectors with an index, and a snapshot of features.

Everything here is *simulated*. Vectors are clustered as in `bench_retrieval`; features are those of
a real snapshot, dealt out again to as many items as are asked for.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from load.bench_retrieval import DIM, NUM_CLUSTERS, item_vectors, query_vectors

from lolomo.core.columns import Columns
from lolomo.core.recommender import Query
from lolomo.features.item_snapshot import FILE, TITLE_KEY, ItemSnapshot
from lolomo.runtimes.item_index import APPROXIMATE_FROM, INDEX, ItemIndex, Vectors


@dataclass(frozen=True, slots=True)
class SimulatedVectors:
    """Items and queries of one size of catalogue."""

    items: Vectors
    """Shape: [items, dim]."""
    queries: Vectors
    """Shape: [queries, dim]."""
    index: ItemIndex


def simulated_vectors(num_items: int, num_queries: int, cache: Path) -> SimulatedVectors:
    """Return a catalogue's vectors; its index is built once and then kept in `cache`."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(NUM_CLUSTERS, DIM)).astype(np.float32)
    items = item_vectors(num_items, rng, centres)
    queries = query_vectors(num_queries, rng, centres)
    folder = cache / f"vectors-{num_items}"
    if not (folder / INDEX).exists():
        folder.mkdir(parents=True, exist_ok=True)
        ItemIndex.build(items).save(folder)
    return SimulatedVectors(items, queries, ItemIndex.load(folder))


@dataclass(slots=True)
class VectorsOnly:
    """A retriever of simulated vectors: a query is picked by the last item of the history."""

    vectors: SimulatedVectors
    items: "np.typing.NDArray[np.object_]"
    """Ids, in the order of the vectors. Shape: [items]."""
    inputs: tuple[str, ...] = (Columns.HISTORY_ITEM_IDS,)

    def retrieve(self, query: Query, k: int) -> tuple[Any, Any]:
        """Return the nearest items, exactly in a small catalogue and by the index in a large."""
        last = [hash(history[-1]) for history in query[Columns.HISTORY_ITEM_IDS]]
        asked = self.vectors.queries[np.array(last) % len(self.vectors.queries)]
        k = min(k, len(self.items))
        if len(self.items) >= APPROXIMATE_FROM:
            places, scores = self.vectors.index.search(asked, k)
        else:
            products = asked @ self.vectors.items.T
            places = np.argpartition(-products, k - 1, axis=1)[:, :k]
            found = np.take_along_axis(products, places, axis=1)
            order = np.argsort(-found, axis=1)
            places, scores = (np.take_along_axis(each, order, axis=1) for each in (places, found))
        return self.items[places], scores

    def scores(self, query: Query) -> Any:
        """Not asked by a page."""
        raise NotImplementedError


def simulated_snapshot(snapshot: ItemSnapshot, num_items: int, folder: Path) -> ItemSnapshot:
    """Return a snapshot of so many items: the real ones, and copies of their rows."""
    with pa.memory_map(str(folder / snapshot.version / FILE)) as file:
        table = pa.ipc.open_file(file).read_all()
    real = len(snapshot.item_ids)
    rng = np.random.default_rng(1)
    copies = rng.integers(0, real, max(num_items - real, 0))
    rows = np.concatenate([np.arange(min(real, num_items)), copies, [real]])
    ids = [*snapshot.item_ids[:num_items], *(f"z{number:07d}" for number in range(len(copies)))]
    taken = table.take(pa.array(rows)).combine_chunks()
    place = taken.column_names.index(Columns.ITEM_ID)
    column = pa.array([*ids, ""], pa.large_string())
    taken = taken.set_column(place, Columns.ITEM_ID, column)
    place = taken.column_names.index(TITLE_KEY)
    taken = taken.set_column(place, TITLE_KEY, pa.array(np.arange(num_items + 1)))
    path = folder / f"simulated-{num_items}.arrow"
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, taken.schema) as writer:
        writer.write_table(taken)
    with pa.memory_map(str(path)) as file:
        mapped = pa.ipc.open_file(file).read_all()
    return ItemSnapshot("simulated", replace(snapshot.manifest, num_items=num_items), mapped)


def recall_at(vectors: SimulatedVectors, k: int = 500, num_queries: int = 50) -> float:
    """Return which share of the exact `k` best the index finds."""
    queries = vectors.queries[:num_queries]
    k = min(k, len(vectors.items))
    found, _ = vectors.index.search(queries, k)
    shared = []
    for query, places in zip(queries, found, strict=True):
        products = vectors.items @ query
        best = np.argpartition(-products, k - 1)[:k]
        shared.append(len(np.intersect1d(best, places)) / k)
    return float(np.mean(shared))
