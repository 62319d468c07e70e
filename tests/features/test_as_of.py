from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from lolomo.features.as_of import Moments, latest_versions

A_TIME = datetime(2020, 1, 1, tzinfo=UTC)


def _moments(rows: Sequence[tuple[str | None, str | None, int | None, int | None]]) -> Moments:
    first, second, times, created = zip(*rows, strict=True) if rows else ((), (), (), ())
    at, written = (_days(days) for days in (times, created))
    schema = pa.schema({"first": pa.string(), "second": pa.string()})
    keys = pa.table({"first": first, "second": second}, schema=schema)
    return Moments(keys, at, written)


def _days(days: tuple[int | None, ...]) -> pl.Series:
    moments = [None if day is None else A_TIME + timedelta(days=day) for day in days]
    return pl.Series(moments, dtype=pl.Datetime("us", "UTC"))


VERSIONS = [
    # keys, day, day of creation
    ("a", "x", 5, 5),
    ("a", "x", 2, 9),
    ("a", "y", 1, 1),
    ("b", "x", 2, 2),
    ("a", "x", 2, 2),
    (None, "x", 0, 0),
    ("b", "x", None, 0),
    ("b", "y", 1, None),
]


@pytest.mark.parametrize(
    ("row", "position", "known"),
    [
        (("a", "x", 1), -1, -1),
        (("a", "x", 2), 1, 4),
        (("a", "x", 4), 1, 4),
        (("a", "x", 9), 0, 0),
        (("a", "y", 9), 2, 2),
        (("b", "x", 9), 3, 3),
        (("b", "y", 9), 7, -1),
        (("b", "z", 9), -1, -1),
        ((None, "x", 9), -1, -1),
        (("a", "x", None), -1, -1),
    ],
)
def test_the_last_written_of_the_latest_versions_counts(
    row: tuple[str | None, str | None, int | None], position: int, known: int
) -> None:
    versions, rows = _moments(VERSIONS), _moments([(*row, None)])
    assert latest_versions(versions, rows).tolist() == [position]
    assert latest_versions(versions, rows, known=True).tolist() == [known]


def test_nothing_is_found_among_no_versions() -> None:
    assert latest_versions(_moments([]), _moments([("a", "x", 1, 1)])).tolist() == [-1]
    assert latest_versions(_moments(VERSIONS), _moments([])).tolist() == []


def test_many_versions_are_searched_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    versions, rows = (
        _moments(
            [(str(rng.integers(9)), "x", int(rng.integers(50)), index) for index in range(size)]
        )
        for size in (400, 100)
    )
    found = latest_versions(versions, rows)
    stored = list(zip(versions.keys["first"].to_pylist(), versions.times, range(400), strict=True))
    for key, time, position in zip(rows.keys["first"].to_pylist(), rows.times, found, strict=True):
        earlier = [(at, place) for owner, at, place in stored if owner == key and at <= time]
        assert position == max(earlier, default=(None, -1))[1]
