"""Co-visitation: pairs of items, counted as of the beginning of each day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.columns import Columns
from lolomo.features.asked import DAY, Asked
from lolomo.features.covisitation import COVISITS, SCALES, CoVisitation
from lolomo.features.places import Places

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
ITEMS = np.array(["a", "b", "c", "d"], object)
PLACES = Places(ITEMS)
PLAYS = [("u", "a", 0.1), ("u", "b", 0.2), ("v", "a", 0.3), ("v", "c", 1.5), ("w", "d", 1.6)]


def events(plays: list[tuple[str, str, float]]) -> pl.DataFrame:
    rows = [(user, item, "play", FIRST + timedelta(days=day)) for user, item, day in plays]
    names = [Columns.USER_ID, Columns.ITEM_ID, Columns.KIND, Columns.TIMESTAMP]
    return pl.DataFrame(rows, names, orient="row").cast(
        {Columns.TIMESTAMP: pl.Datetime("us", "UTC")}
    )


def micros(days: float) -> int:
    return int(FIRST.timestamp() * 1_000_000) + int(days * DAY)


def asked(
    counts: CoVisitation,
    day: float,
    history: tuple[str, ...] = ("", "a"),
    candidates: tuple[str, ...] = ("b", "c", "d", "new", ""),
) -> dict[str, Any]:
    query = {
        Columns.TIMESTAMP: np.array([micros(day)]),
        Columns.COUNTS_TIMESTAMP: np.array([micros(day)]),
        Columns.HISTORY_ITEM_IDS: np.array([history], object),
        Columns.HISTORY_TIMESTAMPS: np.array([[micros(0.3) if item else 0 for item in history]]),
        Columns.CANDIDATES: np.array([candidates], object),
    }
    answer = counts.of(Asked.of(query, PLACES))
    return {name: values[0] for name, values in answer.items()}


@pytest.mark.parametrize(
    ("day", "by_day", "by_hour"), [(0.205, "", ""), (0.9, "", "b"), (2, "bc", "bc")]
)
def test_counts_are_those_before_the_beginning_of_the_period(
    day: float, by_day: str, by_hour: str
) -> None:
    found = asked(CoVisitation(events(PLAYS), PLACES), day)
    for name, scale in SCALES.items():
        known = by_day if scale.period == DAY else by_hour
        for values in (found[name], found[f"{name}_next"]):
            assert (values > 0).tolist() == [item in known for item in ("b", "c", "d", "new", "?")]


def test_going_back_starts_again() -> None:
    counts = CoVisitation(events(PLAYS), PLACES)
    before = asked(counts, 1.2)
    asked(counts, 9.0)
    for name in COVISITS:
        np.testing.assert_array_equal(asked(counts, 1.2)[name], before[name])


def test_many_days_at_once_are_counted_as_one_by_one() -> None:
    plays = [(f"u{n % 7}", str(ITEMS[n * n % 4]), n * 0.13) for n in range(90)]
    slow, fast = (CoVisitation(events(plays), PLACES) for _ in range(2))
    for day in range(14):
        step = asked(slow, day)
    for name in COVISITS:
        np.testing.assert_allclose(step[name], asked(fast, 13)[name], rtol=1e-5)


def test_only_what_came_later_counts_as_next() -> None:
    counts = CoVisitation(events(PLAYS), PLACES)
    backwards = asked(counts, 3, ("b",), ("a",))
    assert backwards["covisits_next"] == backwards["covisits_soon_next"] == 0
    assert backwards["covisits"] > 0
    assert backwards["covisits_soon"] > 0


def test_what_lies_far_apart_does_not_follow_at_once() -> None:
    between = [("u", "d", 0.11 + 0.01 * n) for n in range(5)]
    counts = CoVisitation(events(sorted([*PLAYS, *between], key=lambda play: play[2])), PLACES)
    found = asked(counts, 1, candidates=("b",))
    together = {name: bool(values[0] > 0) for name, values in found.items()}
    far = ("covisits_soon", "covisits_then")
    assert together == {name: not name.startswith(far) for name in COVISITS}


@pytest.mark.parametrize("history", ["new", ""])
def test_an_unknown_history_says_nothing(history: str) -> None:
    counts = CoVisitation(events(PLAYS), PLACES)
    assert all((values == 0).all() for values in asked(counts, 3.0, (history,)).values())


def test_a_page_that_asks_twice_gets_what_a_batch_gets() -> None:
    counts, both = CoVisitation(events(PLAYS), PLACES), ("b", "c", "d", "new", "")
    first, again = (asked(counts, 2.0, candidates=both) for _ in range(2))
    query = {
        Columns.TIMESTAMP: np.array([micros(2.0)] * 2),
        Columns.COUNTS_TIMESTAMP: np.array([micros(2.0)] * 2),
        Columns.HISTORY_ITEM_IDS: np.array([("", "a")] * 2, object),
        Columns.HISTORY_TIMESTAMPS: np.array([[0, micros(0.3)]] * 2),
        Columns.CANDIDATES: np.array([both] * 2, object),
    }
    batch = counts.of(Asked.of(query, PLACES))
    for name in COVISITS:
        np.testing.assert_allclose(first[name], batch[name][0], rtol=1e-6)
        np.testing.assert_array_equal(first[name], again[name])
