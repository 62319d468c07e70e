import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lolomo.core.errors import FeatureError
from lolomo.features import FeatureStore, all_features

DAY = 86_400
FEATURES = list(all_features())


def user_reference(plays: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    ages = [(now - play["timestamp"]).total_seconds() for play in plays]
    values = [play["value"] for play in plays if play["value"] is not None]
    last = plays[-50:]
    return {
        **{f"user_plays_{n}d": sum(age <= n * DAY for age in ages) for n in (1, 7, 30)},
        "user_plays_total": len(plays),
        "user_mean_value": sum(values) / len(values) if values else None,
        "user_recency": math.log1p(min(ages)),
        "history_item_ids": [play["item_id"] for play in last],
        "history_timestamps": [int(play["timestamp"].timestamp()) * 10**6 for play in last],
        "history_kinds": [play["kind"] for play in last],
    }


def item_reference(plays: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    ages = [(now - play["timestamp"]).total_seconds() for play in plays]
    values = [play["value"] for play in plays if play["value"] is not None]
    counts = {n: sum(age <= n * DAY for age in ages) for n in (1, 3, 7, 14, 30)}
    decayed = {n: sum(2 ** (-age / DAY / n) for age in ages) for n in (1, 3, 7)}
    return {
        **{f"item_plays_{n}d": count for n, count in counts.items()},
        **{f"item_decayed_plays_{n}d": count for n, count in decayed.items()},
        "item_plays_total": len(plays),
        "item_mean_value": sum(values) / len(values) if values else None,
        "item_trend": math.log1p(counts[3] * 14 / 3) - math.log1p(counts[14]),
        "item_age": math.log1p(max(ages) / DAY),
        "item_recency": math.log1p(min(ages) / DAY),
    }


def context_reference(now: datetime) -> dict[str, Any]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {
        "device": "tv",
        "country": None,
        "clock": (now - epoch) / timedelta(days=1),
        "hour": now.hour,
        "weekday": now.weekday(),
    }


def reference(log: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Every feature that depends on time, by plain loops over the events strictly before."""
    now = row["timestamp"]
    before = log.table.filter(
        pl.col("kind").is_in(["play", "rate"]), pl.col("timestamp") < now
    ).to_dicts()
    user = [event for event in before if event["user_id"] == row["user_id"]]
    item = [event for event in before if event["item_id"] == row["item_id"]]
    expected = context_reference(now)
    expected |= user_reference(user, now) if user else {}
    return expected | (item_reference(item, now) if item else {})


def test_every_feature_equals_a_plain_loop_over_events_strictly_before(
    store: FeatureStore, log: Any, queries: pl.DataFrame
) -> None:
    for row in store.point_in_time(queries, FEATURES).to_dicts():
        for name, value in reference(log, row).items():
            number = isinstance(value, int | float)
            wanted = pytest.approx(value, rel=1e-9, abs=1e-12) if number else value
            assert row[name] == wanted, (name, row)


def test_no_feature_changes_when_the_future_does(
    store: FeatureStore,
    make_store: Callable[[Any], FeatureStore],
    make_log: Callable[..., Any],
    log: Any,
    cut: datetime,
) -> None:
    future = pl.col("timestamp") >= cut
    shuffled = log.table.with_columns(
        pl.when(future).then(pl.lit("i01")).otherwise("item_id").alias("item_id"),
        pl.when(future).then(pl.lit("u1")).otherwise("user_id").alias("user_id"),
        pl.when(future).then(9.0).otherwise("value").alias("value"),
    )
    other = make_store(make_log(shuffled))
    rows = log.table.filter(pl.col("timestamp") <= cut).select("timestamp", "user_id", "item_id")
    rows = pl.concat(
        [rows, rows.with_columns(pl.lit(cut, rows.schema["timestamp"]).alias("timestamp"))]
    )
    assert_frame_equal(
        store.point_in_time(rows, FEATURES), other.point_in_time(rows, FEATURES), check_exact=True
    )


def test_rows_keep_their_order_and_none_is_lost(store: FeatureStore, queries: pl.DataFrame) -> None:
    rows = queries.with_row_index("query_id").sample(fraction=1, shuffle=True, seed=3)
    result = store.point_in_time(rows, ["user_plays_total", "item_plays_1d", "title"])
    assert_frame_equal(result.select(rows.columns), rows)
    assert result.columns == [*rows.columns, "user_plays_total", "item_plays_1d", "title"]


def test_an_unknown_user_or_item_has_nothing_but_context(
    store: FeatureStore, queries: pl.DataFrame
) -> None:
    row = store.point_in_time(queries.tail(1), FEATURES).to_dicts()[0]
    known = {name for name in FEATURES if row[name] is not None}
    assert known == {"device", "clock", "hour", "weekday"}


def test_a_delay_holds_back_events_but_not_the_clock(
    store: FeatureStore, queries: pl.DataFrame
) -> None:
    delay = timedelta(hours=24)
    earlier = queries.with_columns(pl.col("timestamp") - delay)
    names = ["item_plays_3d", "history_item_ids", "clock"]
    late = store.point_in_time(queries, names, delay)
    early = store.point_in_time(earlier, names)
    assert_frame_equal(late.select(names[:2]), early.select(names[:2]))
    assert late["clock"].to_list() == pytest.approx((early["clock"] + 1).to_list())


def test_context_needs_no_ids_and_no_rows_are_fine(
    store: FeatureStore, queries: pl.DataFrame
) -> None:
    clock = store.point_in_time(queries.select("timestamp"), ["clock", "device"])
    assert clock["device"].null_count() == len(queries)
    empty = store.point_in_time(queries.head(0), FEATURES)
    assert empty.is_empty()
    assert set(FEATURES) <= set(empty.columns)


@pytest.mark.parametrize(
    ("columns", "feature", "message"),
    [
        (["timestamp", "user_id"], "item_plays_1d", "rows lack \\['item_id'\\]"),
        (["user_id", "item_id"], "user_plays_1d", "rows lack \\['timestamp'\\]"),
        (["timestamp", "user_id"], "shoe_size", "unknown features \\['shoe_size'\\]"),
    ],
)
def test_what_cannot_be_joined_is_refused_by_name(
    store: FeatureStore, queries: pl.DataFrame, columns: list[str], feature: str, message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        store.point_in_time(queries.select(columns), [feature])
