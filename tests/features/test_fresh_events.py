"""The overlay: a read after an event equals a read after materialising that event."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.features import FeatureStore, OnlineFeatures
from lolomo.features.fresh_events import COMBINED

ADDED = ("item_plays_1d", "item_plays_7d", "item_plays_total", "item_decayed_plays_3d", "item_age")
HISTORY = ("history_item_ids", "history_timestamps", "history_kinds")


@pytest.fixture(scope="module")
def later(log: Any, cut: datetime) -> pl.DataFrame:
    """The events of the thirty hours after `cut`."""
    times = pl.col("timestamp")
    table: pl.DataFrame = log.table
    return table.filter((times >= cut) & (times < cut + timedelta(hours=30)))


@pytest.fixture(scope="module")
def observed(store: FeatureStore, later: pl.DataFrame) -> OnlineFeatures:
    """Materialised as of `cut`, and told of what came later."""
    online = store.online()
    online.observe(later)
    return online


@pytest.fixture(scope="module")
def now(later: pl.DataFrame) -> datetime:
    moment = later["timestamp"].max()
    assert isinstance(moment, datetime)
    return moment + timedelta(microseconds=1)


def point_in_time(
    store: FeatureStore, entity: str, ids: list[str], now: datetime, names: list[str]
) -> pl.DataFrame:
    rows = pl.DataFrame({f"{entity}_id": ids}).with_columns(
        pl.lit(now, pl.Datetime("us", "UTC")).alias("timestamp")
    )
    return store.point_in_time(rows, names)


def test_histories_are_those_of_the_log(
    store: FeatureStore, observed: OnlineFeatures, later: pl.DataFrame, now: datetime
) -> None:
    users = later["user_id"].unique().to_list()
    expected = point_in_time(store, "user", users, now, [*HISTORY, "user_plays_total"])
    for row in expected.to_dicts():
        served = observed.user(row["user_id"], now)
        assert {name: served[name] for name in HISTORY} == {name: row[name] for name in HISTORY}
        assert served["user_plays_total"] == row["user_plays_total"]


def test_counts_that_no_event_leaves_are_those_of_the_log(
    store: FeatureStore, observed: OnlineFeatures, now: datetime
) -> None:
    names = ["item_plays_total", "item_decayed_plays_1d", "item_decayed_plays_7d", "item_recency"]
    ids = store.items_known.tolist()
    expected = point_in_time(store, "item", ids, now, names)
    served = observed.items(ids, now, names)
    for name in names:
        np.testing.assert_allclose(served[name], expected[name].to_numpy(), rtol=1e-5)


def test_events_are_counted_once_however_often_they_come(
    store: FeatureStore, later: pl.DataFrame, now: datetime
) -> None:
    once, twice = store.online(), store.online()
    once.observe(later)
    for part in (later, later.head(3)):
        twice.observe(part)
    assert once.version == twice.version != store.online().version
    for name in ADDED:
        first, second = (each.items(store.items_known, now, [name])[name] for each in (once, twice))
        np.testing.assert_array_equal(first, second)


def test_what_is_materialised_already_changes_nothing(
    store: FeatureStore, log: Any, cut: datetime
) -> None:
    online = store.online()
    online.observe(log.table.filter(pl.col("timestamp") < cut))
    assert online.version == online.snapshot.version


def test_a_refresh_keeps_what_is_not_materialised_yet(
    make_store: Callable[[Any], FeatureStore], log: Any, cut: datetime, later: pl.DataFrame
) -> None:
    store = make_store(log)
    store.materialize(cut)
    online = store.online()
    online.observe(later)
    assert not online.refresh()
    store.materialize(cut + timedelta(hours=15))
    assert online.refresh()
    left = later.filter(pl.col("timestamp") >= cut + timedelta(hours=15))
    plays = left.filter(pl.col("kind") != "impression")
    assert online.version == f"{store.snapshot_version}+{len(plays)}"


def test_staleness_is_the_time_since_the_materialisation(
    store: FeatureStore, cut: datetime
) -> None:
    online = store.online()
    assert online.staleness_seconds(cut + timedelta(minutes=2)) == 120
    assert online.staleness_seconds(cut - timedelta(minutes=2)) == 0


def test_an_older_snapshot_can_be_opened_by_the_version_that_the_journal_names(
    observed: OnlineFeatures, store: FeatureStore
) -> None:
    assert observed.version.partition("+")[2] != ""
    assert store.online(observed.version).version == observed.snapshot.version


def test_every_rule_is_of_a_stored_feature() -> None:
    from lolomo.features import all_groups

    stored = {item.name for group in all_groups().values() for item in group.stored}
    assert stored >= COMBINED.keys()
