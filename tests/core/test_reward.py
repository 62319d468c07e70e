"""Rewards: what each part is worth, what has not arrived, and what a version promises."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from lolomo.core.reward import (
    ENJOYMENT,
    REWARDS,
    SATISFACTION,
    Reward,
    Term,
    expected_by_user_and_item,
)
from lolomo.core.reward_parts import Completion, NextDayReturn, Novelty, Part, Thumb, Watched

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
PUBLISHED = {
    "interaction@v1": "8723126e",
    "satisfaction@v1": "5169d76c",
    "enjoyment@v1": "bb5f6553",
    "enjoyment@v2": "3d7366b6",
}


def events(
    *rows: tuple[str, str, str, float], values: dict[int, float] | None = None
) -> pl.DataFrame:
    """Return events of (user, item, kind, hours since the start), with values by row."""
    users, items, kinds, hours = zip(*rows, strict=True)
    given = [(values or {}).get(row) for row in range(len(rows))]
    return pl.DataFrame(
        {
            "user_id": users,
            "item_id": items,
            "kind": kinds,
            "timestamp": [START + timedelta(hours=hour) for hour in hours],
            "value": pl.Series(given, dtype=pl.Float64),
            "progress": pl.Series([0.5 if kind == "play" else None for kind in kinds]),
        }
    )


DAYS = events(
    ("u", "a", "play", 0), ("v", "a", "play", 1), ("u", "b", "play", 24), ("v", "a", "play", 72)
)
THUMBS = events(
    ("u", "a", "play", 0),
    ("v", "a", "play", 0.1),
    ("u", "a", "thumb", 1),
    ("v", "a", "thumb", 2),
    ("w", "a", "play", 3),
    ("w", "a", "thumb", 40),
    values={2: 1.0, 3: 0.0, 5: 1.0},
)


@pytest.mark.parametrize(
    ("part", "log", "expected"),
    [
        (NextDayReturn(), DAYS, [1.0, 0.0, None, None]),
        (Novelty(), DAYS, [1.0, pytest.approx(0.59, abs=0.01), 1.0, pytest.approx(0.48, abs=0.01)]),
        (Thumb(), THUMBS, [1.0, -1.0, 0.0, 0.0, None, 0.0]),
        (Completion(), THUMBS, [0.5, 0.5, 0.0, 0.0, 0.5, 0.0]),
        (
            Completion(at_least=0.6),
            events(("u", "a", "play", 0), ("u", "a", "complete", 1)),
            [0, 1],
        ),
        (Watched(), THUMBS, [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
    ],
)
def test_a_part_is_worth_what_the_log_tells(
    part: Part, log: pl.DataFrame, expected: list[float]
) -> None:
    worth = log.select(part.expression().cast(pl.Float64)).to_series().to_list()
    assert worth == expected


def test_a_rating_counts_by_its_place_on_the_scale() -> None:
    log = events(*[("u", "a", "rate", hour) for hour in range(3)], values={0: 1, 1: 5, 2: 10})
    assert SATISFACTION.of(log).to_list() == pytest.approx([0.0, 4 / 9, 1.0])


def test_terms_are_added_by_their_weights_and_nothing_is_worth_null() -> None:
    reward = Reward("sum", 1, (Term(2.0, Watched()), Term(0.5, NextDayReturn())))
    assert reward.of(DAYS).to_list() == [2.5, 2.0, 2.0, 2.0]


RETURN = Reward("return", 1, (Term(1.0, NextDayReturn()),))


@pytest.mark.parametrize(
    ("hours", "expected"), [(71, [1.0, 0.0, None, None]), (200, [1.0, 0.0, 0.0, 0.0])]
)
def test_a_late_part_is_predicted_until_it_is_settled(
    hours: float, expected: list[float | None]
) -> None:
    asked = {}

    def expect(_: pl.DataFrame, values: pl.Series) -> pl.Series:
        asked["values"] = values.to_list()
        return values.fill_null(0.7)

    worth = RETURN.of(DAYS, START + timedelta(hours=hours), expect)
    assert asked["values"] == expected
    assert worth.to_list() == [0.7 if value is None else value for value in expected]


def test_members_who_used_to_return_are_expected_to() -> None:
    rows = [("loyal", "a", "play", 24.0 * day) for day in range(20)]
    rows += [("rare", "b", "play", 72.0 * day + 1) for day in range(7)]
    log = events(*sorted(rows, key=lambda row: row[3]))
    now = log["timestamp"][-1]
    worth = log.with_columns(RETURN.of(log, now, expected_by_user_and_item))
    last = worth.group_by("user_id").agg(pl.col("reward").last())
    expected = dict(last.iter_rows())
    assert 0.5 < expected["loyal"] <= 1.0
    assert 0.0 <= expected["rare"] < 0.5


def test_an_empty_log_is_worth_nothing() -> None:
    assert ENJOYMENT.of(DAYS.head(0)).to_list() == []


def test_a_published_version_never_changes_its_definition() -> None:
    """A changed definition needs a new version, beside the old one: add a line, edit none."""
    references = dict(reward.reference.split("#") for reward in REWARDS)
    assert references == PUBLISHED


def test_a_change_of_any_field_is_seen_in_the_reference() -> None:
    one = Reward("enjoyment", 1, (Term(1.0, Completion(at_least=0.1)),))
    other = Reward("enjoyment", 1, (Term(1.0, Completion(at_least=0.2)),))
    assert one.reference != other.reference
    assert one.terms[0].text == "1 completion(at_least=0.1)"
