"""Co-visitation: pairs of items, counted as of the beginning of each day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.columns import Columns
from lolomo.features.covisitation import COVISITS, DAY, CoVisitation

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
ITEMS = np.array(["a", "b", "c", "d"], object)
PLAYS = [("u", "a", 0.1), ("u", "b", 0.2), ("v", "a", 0.3), ("v", "c", 1.5), ("w", "d", 1.6)]


def events(plays: list[tuple[str, str, float]]) -> pl.DataFrame:
    rows = [(user, item, "play", FIRST + timedelta(days=day)) for user, item, day in plays]
    names = [Columns.USER_ID, Columns.ITEM_ID, Columns.KIND, Columns.TIMESTAMP]
    return pl.DataFrame(rows, names, orient="row").cast(
        {Columns.TIMESTAMP: pl.Datetime("us", "UTC")}
    )


def micros(days: float) -> int:
    return int(FIRST.timestamp() * 1_000_000) + int(days * DAY)


def asked(counts: CoVisitation, day: float, history: str = "a") -> dict[str, Any]:
    answer = counts.of(
        np.array([micros(day)]),
        np.array([["", history]], object),
        np.array([[0, micros(0.3)]]),
        np.array([["b", "c", "d", "new", ""]], object),
    )
    return {name: values[0] for name, values in answer.items()}


def test_counts_are_those_before_the_beginning_of_the_day() -> None:
    counts = CoVisitation(events(PLAYS), ITEMS)
    for name in COVISITS:
        assert (asked(counts, 0.9)[name] == 0).all()
        assert (asked(counts, 1.9)[name] > 0).tolist() == [True, False, False, False, False]
        assert (asked(counts, 2.0)[name] > 0).tolist() == [True, True, False, False, False]


def test_going_back_starts_again() -> None:
    counts = CoVisitation(events(PLAYS), ITEMS)
    before = asked(counts, 1.2)
    asked(counts, 9.0)
    for name in COVISITS:
        np.testing.assert_array_equal(asked(counts, 1.2)[name], before[name])


def test_many_days_at_once_are_counted_as_one_by_one() -> None:
    plays = [(f"u{n % 7}", str(ITEMS[n * n % 4]), n * 0.13) for n in range(90)]
    slow, fast = (CoVisitation(events(plays), ITEMS) for _ in range(2))
    for day in range(14):
        step = asked(slow, day)
    for name in COVISITS:
        np.testing.assert_allclose(step[name], asked(fast, 13)[name], rtol=1e-5)


def test_only_what_came_later_counts_as_next() -> None:
    counts = CoVisitation(events(PLAYS), ITEMS)
    backwards = counts.of(
        np.array([micros(3)]),
        np.array([["b"]], object),
        np.array([[micros(0.2)]]),
        np.array([["a"]], object),
    )
    assert backwards["covisits_next"][0, 0] == 0
    assert backwards["covisits"][0, 0] > 0


@pytest.mark.parametrize("history", ["new", ""])
def test_an_unknown_history_says_nothing(history: str) -> None:
    counts = CoVisitation(events(PLAYS), ITEMS)
    assert all((values == 0).all() for values in asked(counts, 3.0, history).values())
