from datetime import timedelta

import polars as pl
import pytest

from lolomo.core.errors import FeatureError
from lolomo.evaluation import (
    check_blind_to_future,
    check_changes,
    check_histories,
    check_stamps,
)

TICK = timedelta(microseconds=1)


def stamped(events: pl.DataFrame, delay: timedelta) -> pl.DataFrame:
    time = pl.col("timestamp")
    return events.select("user_id", time.alias("made_by"), time + delay)


def test_rows_stamped_after_their_event_pass(random_events: pl.DataFrame) -> None:
    check_stamps(stamped(random_events, TICK), "made_by")


@pytest.mark.parametrize("delay", [timedelta(0), -TICK])
def test_one_planted_row_stamped_at_or_before_its_event_is_found(
    random_events: pl.DataFrame, delay: timedelta
) -> None:
    good, bad = stamped(random_events, TICK), stamped(random_events[5:6], delay)
    with pytest.raises(FeatureError, match="1 of 2001 feature rows leak"):
        check_stamps(pl.concat([good, bad]), "made_by")


@pytest.mark.parametrize("as_integers", [False, True])
@pytest.mark.parametrize(("latest", "leaks"), [(-TICK, False), (timedelta(0), True), (TICK, True)])
def test_a_history_that_reaches_its_query_is_found(
    random_events: pl.DataFrame, latest: timedelta, leaks: bool, as_integers: bool
) -> None:
    time = pl.col("timestamp")
    history = pl.concat_list(time - timedelta(days=1), time + latest)
    cast = history.cast(pl.List(pl.Int64)) if as_integers else history
    queries = random_events.select(time, cast.alias("history_timestamps"))
    if not leaks:
        check_histories(queries)
        return
    with pytest.raises(FeatureError, match="2000 of 2000 histories leak"):
        check_histories(queries)


def test_empty_and_padded_histories_pass(random_events: pl.DataFrame) -> None:
    lists = pl.Series("history_timestamps", [[], [0, 0], None], dtype=pl.List(pl.Int64))
    check_histories(random_events[:3].select("timestamp").with_columns(lists))


def count_plays(events: pl.DataFrame, rows: pl.DataFrame, *, strictly: bool) -> pl.DataFrame:
    before = pl.col("timestamp") < pl.col("asked") if strictly else pl.lit(True)
    asked = rows.rename({"timestamp": "asked"})
    pairs = asked.join(events, on="item_id", how="left").filter(before)
    plays = pairs.group_by("item_id").len("plays")
    return rows.join(plays, on="item_id", how="left", maintain_order="left")


def test_a_feature_that_uses_the_future_is_found_by_its_values(random_events: pl.DataFrame) -> None:
    moment = random_events["timestamp"][1000]
    rows = random_events.filter(pl.col("timestamp") == moment).select("timestamp", "item_id")
    rows = rows.unique("item_id", maintain_order=True)
    check_blind_to_future(lambda e, r: count_plays(e, r, strictly=True), random_events, rows)
    with pytest.raises(FeatureError, match=r"\['plays'\].* use events at or after"):
        check_blind_to_future(lambda e, r: count_plays(e, r, strictly=False), random_events, rows)


def test_rows_of_several_moments_are_refused(random_events: pl.DataFrame) -> None:
    with pytest.raises(FeatureError, match="expected 1"):
        check_blind_to_future(lambda _, rows: rows, random_events, random_events)


@pytest.mark.parametrize(
    ("ahead", "leaks"),
    [(timedelta(0), False), (timedelta(hours=1), True), (timedelta(days=1), True)],
)
def test_a_change_table_that_the_future_has_changed_is_found(
    random_events: pl.DataFrame, ahead: timedelta, leaks: bool
) -> None:
    moment = random_events["timestamp"][1000] + TICK
    past = random_events.filter(pl.col("timestamp") < moment)
    whole, blind = (running_plays(events, ahead) for events in (random_events, past))
    if not leaks:
        check_changes(whole, blind, moment, "plays")
        return
    with pytest.raises(FeatureError, match="'plays' use events at or after"):
        check_changes(whole, blind, moment, "plays")


def running_plays(events: pl.DataFrame, ahead: timedelta) -> pl.DataFrame:
    """Count all plays until some time after each row's instant."""
    time = pl.col("timestamp")
    counts = events.select(time).group_by(time, maintain_order=True).len()
    running = counts.select(time, pl.col("len").cum_sum().alias("plays"))
    rows = running.select(time, (time + ahead).alias("until"))
    later = rows.join_asof(running.rename({"timestamp": "at"}), left_on="until", right_on="at")
    return later.select(time + TICK, "plays")
