"""What was shown, joined to what came of it: late events count, unsettled pages wait."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from lolomo.events.outcomes import with_outcomes

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def slots() -> pl.DataFrame:
    rows = [("r1", NOON, "a"), ("r1", NOON, "b"), ("r2", NOON + timedelta(hours=20), "a")]
    return pl.DataFrame(rows, ("request_id", "timestamp", "item_id"), orient="row")


def answered(*rows: tuple[str | None, str, str, float]) -> pl.DataFrame:
    names = ("request_id", "item_id", "kind", "hours")
    texts = dict.fromkeys(names[:3], pl.String)
    frame = pl.DataFrame(rows, names, schema_overrides=texts, orient="row")
    moment = pl.lit(NOON) + pl.duration(minutes=pl.col("hours") * 60)
    return frame.with_columns(
        moment.cast(pl.Datetime("us", "UTC")).alias("timestamp"), pl.lit(1.0).alias("value")
    ).drop("hours")


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (("r1", "a", "play", 0.1), (1, 0, None)),
        (("r1", "a", "complete", 2.0), (1, 1, None)),
        (("r1", "a", "thumb", 2.0), (0, 0, 1.0)),
        (("r1", "a", "play", 25.0), (0, 0, None)),
        (("r1", "c", "play", 0.1), (0, 0, None)),
        (("r3", "a", "play", 0.1), (0, 0, None)),
        (("r1", "a", "impression", 0.0), (0, 0, None)),
        ((None, "a", "play", 0.1), (0, 0, None)),
    ],
)
def test_only_what_answers_the_page_in_time_counts(
    slots: pl.DataFrame,
    event: tuple[str | None, str, str, float],
    outcome: tuple[int, int, float | None],
) -> None:
    found = with_outcomes(slots, answered(event), NOON + timedelta(days=30))
    assert found.select("played", "completed", "thumb").row(0) == outcome
    assert found.height == 3


def test_a_page_is_left_out_until_its_horizon_is_over(slots: pl.DataFrame) -> None:
    event = answered(("r2", "a", "play", 21.0))
    assert with_outcomes(slots, event, NOON + timedelta(hours=30)).height == 2
    later = with_outcomes(slots, event, NOON + timedelta(hours=44))
    assert later["played"].to_list() == [0, 0, 1]
