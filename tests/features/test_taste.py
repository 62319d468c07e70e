"""Taste: what a history is like, and how far a candidate departs from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.columns import Columns
from lolomo.features.asked import DAY, Asked
from lolomo.features.places import Places
from lolomo.features.taste import PROFILE, TASTES, Taste

FIRST = datetime(2020, 6, 1, tzinfo=UTC)
PLACES = Places(np.array(["new", "old", "unknown", "unwatched"], object))
CATALOGUE = pl.DataFrame(
    {Columns.ITEM_ID: ["new", "old", "unwatched"], Columns.RELEASE_YEAR: [2020.0, 1990.0, None]}
)
PLAYS = [("new", 0.1), ("new", 0.2), ("old", 0.3), ("unknown", 0.4), ("new", 1.5)]


def micros(days: float) -> int:
    return int(FIRST.timestamp() * 1_000_000) + int(days * DAY)


def taste(catalogue: pl.DataFrame = CATALOGUE) -> Taste:
    rows = [("u", item, "play", FIRST + timedelta(days=day)) for item, day in PLAYS]
    names = [Columns.USER_ID, Columns.ITEM_ID, Columns.KIND, Columns.TIMESTAMP]
    return Taste(pl.DataFrame(rows, names, orient="row"), catalogue, PLACES)


def asked(known: Taste, day: float, *history: tuple[str, float]) -> dict[str, Any]:
    past = [("", 0.0)] * (5 - len(history)) + list(history)
    query = {
        Columns.TIMESTAMP: np.array([micros(day)]),
        Columns.COUNTS_TIMESTAMP: np.array([micros(day)]),
        Columns.HISTORY_ITEM_IDS: np.array([[item for item, _ in past]], object),
        Columns.HISTORY_TIMESTAMPS: np.array([[micros(at) if item else 0 for item, at in past]]),
        Columns.CANDIDATES: np.array([["new", "old", "unwatched", "nobody", ""]], object),
    }
    return {name: values[0] for name, values in known.of(Asked.of(query, PLACES)).items()}


def test_a_candidate_like_the_history_departs_by_nothing() -> None:
    found = asked(taste(), 1, ("old", 0.3))
    assert found["taste_plays"][1] == found["taste_age"][1] == found["taste_age_latest"][1] == 0
    assert found["taste_plays"][0] == pytest.approx(np.log(3 / 2))
    assert found["taste_age"][0] == pytest.approx(-np.log(31))


def test_plays_are_those_before_the_beginning_of_the_day_in_any_order_of_asking() -> None:
    known = taste()
    plays = [asked(known, day, ("old", 0.3))["profile_plays"] for day in (0.9, 1.9, 0.9)]
    assert plays == pytest.approx([0, np.log(2), 0])


def test_later_entries_count_more_and_the_latest_is_told_by_itself() -> None:
    found = asked(taste(), 1, ("old", 0.1), ("new", 0.2))
    assert 0 < found["profile_age"] < np.log(31) / 2
    assert found["profile_age_spread"] > 0
    assert found["profile_age_latest"] == 0
    assert 0.5 < found["profile_new"] < 1


def test_gaps_go_to_the_very_instant() -> None:
    plays = [("old", 0.1), ("old", 0.2), ("old", 0.3), ("old", 0.4), ("new", 0.5)]
    found = asked(taste(), 1.1, *plays)
    assert found["profile_gap_before"] == pytest.approx(np.log1p(0.1 * 86_400), rel=1e-4)
    assert found["profile_gap_of_five"] == pytest.approx(np.log1p(86_400), rel=1e-4)


def test_what_is_not_known_is_missing() -> None:
    found = asked(taste(), 1)
    assert all(np.isnan(found[name]).all() for name in (*PROFILE, *TASTES))
    found = asked(taste(CATALOGUE.drop(Columns.RELEASE_YEAR)), 1, ("old", 0.3))
    assert np.isnan(found["taste_age"]).all()
    assert np.isfinite(found["taste_plays"]).tolist() == [True, True, True, False, False]
