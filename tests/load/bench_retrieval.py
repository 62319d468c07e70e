"""Measure approximate retrieval against exact: recall@500 and time a query, on one thread.

    OMP_NUM_THREADS=1 python tests/load/bench_retrieval.py --items 10000 100000

Item vectors are clustered, each cluster around a direction of its own, with log counts beside them
as those of `two_tower` have; queries are drawn around the same directions. *Simulated*: real
vectors may be easier or harder. A million items need 1 GB and, on one core, seconds to index.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.runtimes.item_index import ItemIndex, Vectors

DIM, NUM_COUNTS, K = 64, 5, 500
NUM_CLUSTERS, SPREAD = 500, 0.7
TEMPERATURE, COUNT_WEIGHT = 0.07, 0.2


def item_vectors(num_items: int, rng: np.random.Generator, centres: Vectors) -> Vectors:
    """Return vectors with the usual scale of queries in them. Shape: [items, dim + counts]."""
    popularity = rng.normal(0, 1.5, (num_items, 1))
    counts = np.logaddexp(popularity + rng.normal(0, 0.4, (num_items, NUM_COUNTS)), np.log(0.1))
    directions = around(centres, num_items, rng) / TEMPERATURE
    return np.column_stack([directions, counts * COUNT_WEIGHT]).astype(np.float32)


def query_vectors(num_queries: int, rng: np.random.Generator, centres: Vectors) -> Vectors:
    """Return vectors of queries. Shape: [queries, dim + counts]."""
    weights = rng.normal(1.0, 0.25, (num_queries, NUM_COUNTS))
    return np.column_stack([around(centres, num_queries, rng), weights]).astype(np.float32)


def around(centres: Vectors, num: int, rng: np.random.Generator) -> Vectors:
    """Return unit vectors spread around random centres. Shape: [num, dim]."""
    chosen = centres[rng.integers(len(centres), size=num)]
    vectors: Vectors = chosen + SPREAD * rng.standard_normal(chosen.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def exact_search(vectors: Vectors, queries: Vectors) -> NDArray[np.int64]:
    """Return the K items of largest product of each query, in any order. Shape: [batch, K]."""
    return np.argpartition(-(queries @ vectors.T), K, axis=1)[:, :K]


def one_by_one(search: Callable[[Vectors], NDArray[Any]], queries: Vectors) -> tuple[Any, float]:
    """Return what each query finds, asked alone, and the median milliseconds of the CPU."""
    found, milliseconds = [], []
    for row in range(len(queries)):
        start = time.process_time()
        found.append(search(queries[row : row + 1])[0])
        milliseconds.append(1e3 * (time.process_time() - start))
    return found, float(np.median(milliseconds))


def measure(num_items: int, num_queries: int) -> dict[str, float]:
    """Return the figures of one size of catalogue."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(NUM_CLUSTERS, DIM)).astype(np.float32)
    vectors = item_vectors(num_items, rng, centres)
    queries = query_vectors(num_queries, rng, centres)
    start = time.process_time()
    index = ItemIndex.build(vectors)
    build_seconds = time.process_time() - start
    best, exact_ms = one_by_one(lambda query: exact_search(vectors, query), queries)
    found, index_ms = one_by_one(lambda query: index.search(query, K)[0], queries)
    shared = [len(np.intersect1d(*pair)) / K for pair in zip(best, found, strict=True)]
    return {
        "items": num_items,
        "build, CPU s": build_seconds,
        "exact, CPU ms": exact_ms,
        "index, CPU ms": index_ms,
        f"recall@{K}": float(np.mean(shared)),
    }


def main() -> None:
    """Print a row a size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    for num_items in arguments.items:
        figures = measure(num_items, arguments.queries)
        print(*(f"{name} {value:,.4g}" for name, value in figures.items()), sep=" | ", flush=True)


if __name__ == "__main__":
    main()
