from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from lolomo.core.columns import Columns
from lolomo.core.settings import Settings
from lolomo.features import FeatureStore
from lolomo.tasks import find_task
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.train import rankings_before
from lolomo.training.rankings import Rankings
from lolomo.training.stored_queries import StoredQueries, write_queries

AT = datetime(2026, 1, 1, tzinfo=UTC)


def queries(num: int, first: int = 0) -> pl.DataFrame:
    rows = [
        {
            Columns.QUERY_ID: first + row,
            Columns.TIMESTAMP: AT,
            Columns.CANDIDATES: [f"item-{item}" for item in range(row % 4)],
            "score": [0.5] * (row % 4),
            "unknown": None,
        }
        for row in range(num)
    ]
    return pl.DataFrame(rows, _TYPES)


_TYPES = pl.Schema(
    {
        Columns.QUERY_ID: pl.UInt32(),
        Columns.TIMESTAMP: pl.Datetime("us", "UTC"),
        Columns.CANDIDATES: pl.List(pl.String()),
        "score": pl.List(pl.Float32()),
        "unknown": pl.Null(),
    }
)


@pytest.fixture
def stored(tmp_path: Path) -> StoredQueries:
    files = tmp_path / "one.parquet", tmp_path / "other.parquet"
    write_queries(files[0], [queries(0), queries(7), queries(4, 7)])
    queries(6, 11).write_parquet(files[1])
    return StoredQueries(files)


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_slices_are_those_of_all_queries_in_memory(stored: StoredQueries, size: int) -> None:
    together = pl.concat([queries(7), queries(4, 7), queries(6, 11)])
    for some, expected in zip(stored.iter_slices(size), together.iter_slices(size), strict=True):
        assert_frame_equal(some, expected)


def test_columns_height_and_a_selection_are_those_of_all_files(stored: StoredQueries) -> None:
    assert (stored.height, stored.columns) == (17, queries(1).columns)
    assert stored.select(Columns.QUERY_ID).to_series().to_list() == list(range(17))


def test_queries_are_written_a_row_group_a_part_so_that_a_reader_holds_one(tmp_path: Path) -> None:
    write_queries(tmp_path / "parts.parquet", (queries(5, 5 * part) for part in range(3)))
    assert pq.read_metadata(tmp_path / "parts.parquet").num_row_groups == 3


def test_no_part_is_made_before_the_one_before_it_is_written(tmp_path: Path) -> None:
    sizes: list[int] = []

    def parts() -> Iterator[pl.DataFrame]:
        for part in range(3):
            sizes.append((tmp_path / "parts.parquet").stat().st_size if part else 0)
            yield queries(2_000, 2_000 * part)

    write_queries(tmp_path / "parts.parquet", parts())
    assert sizes[0] < sizes[1] < sizes[2]


def test_rankings_of_stored_queries_are_those_of_queries_in_memory(tiny: Settings) -> None:
    context = StepContext.open("next_play", "tiny")
    prepared = prepare("next_play", "tiny", [])
    stored = rankings_before(context, context.folds.test, prepared, ())
    assert stored is not None
    assert isinstance(stored.queries, StoredQueries)
    features = FeatureStore(tiny.workspace("tiny"))
    in_memory = pl.concat([pl.read_parquet(file) for file in stored.queries.files])
    others = Rankings(find_task("next_play"), in_memory, features, stored.known)
    for batch, other in zip(stored(), others(), strict=True):
        np.testing.assert_array_equal(batch.gains, other.gains)
        assert batch.query.keys() == other.query.keys()
