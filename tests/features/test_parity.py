from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lolomo.core.errors import FeatureError
from lolomo.features import FeatureStore, all_features, query_inputs
from lolomo.tasks import TOP_PICKS

ITEM_FEATURES = [name for name, item in all_features().items() if item.entity == "item"]
ITEM_NUMBERS = [name for name in ITEM_FEATURES if all_features()[name].dtype == "number"]
USER_FEATURES = [name for name, item in all_features().items() if item.entity != "item"]


def microseconds(time: datetime) -> int:
    return int(pl.Series([time]).dt.epoch("us")[0])


def item_rows(store: FeatureStore, time: datetime) -> pl.DataFrame:
    ids = pl.DataFrame({"item_id": store.items_known.tolist()})
    return ids.with_columns(pl.lit(time, pl.Datetime("us", "UTC")).alias("timestamp"))


def test_a_user_online_equals_the_same_user_offline(store: FeatureStore, cut: datetime) -> None:
    online = store.online()
    users = [*store.users_known, "nobody"]
    rows = pl.DataFrame({"user_id": users, "device": ["tv"] * len(users)}).with_columns(
        pl.lit(cut, pl.Datetime("us", "UTC")).alias("timestamp")
    )
    for offline in store.point_in_time(rows, USER_FEATURES).to_dicts():
        served = online.user(offline["user_id"], cut, {"device": "tv"})
        expected = {name: offline[name] for name in USER_FEATURES}
        lists = [name for name in USER_FEATURES if name.startswith("history")]
        assert served == expected | {name: expected[name] or [] for name in lists}


def test_items_online_equal_the_same_items_offline(store: FeatureStore, cut: datetime) -> None:
    rows = item_rows(store, cut)
    expected = query_inputs(store.point_in_time(rows, ITEM_FEATURES), ITEM_FEATURES)
    served = store.online().items(store.items_known, cut, ITEM_FEATURES)
    for name in ITEM_FEATURES:
        np.testing.assert_array_equal(served[name], expected[name], err_msg=name)


def test_online_values_that_depend_on_the_clock_move_with_it(
    store: FeatureStore, cut: datetime
) -> None:
    later = cut + timedelta(days=3)
    online = store.online()
    now, then = (online.items(["i01"], time, ["item_decayed_plays_3d"]) for time in (cut, later))
    assert then["item_decayed_plays_3d"] == pytest.approx(now["item_decayed_plays_3d"] / 2)


def test_an_unknown_item_online_has_missing_values(store: FeatureStore, cut: datetime) -> None:
    served = store.online().items(["?"], cut, ["item_plays_1d", "title", "genres"])
    assert np.isnan(served["item_plays_1d"]).all()
    assert served["title"].tolist() == [""]
    assert served["genres"].tolist() == [["", ""]]


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(hours=24)])
def test_the_timeline_equals_point_in_time_cell_by_cell(
    store: FeatureStore, queries: pl.DataFrame, delay: timedelta
) -> None:
    times = queries["timestamp"].unique().sort()
    timeline = store.item_timeline(delay)
    stamps = times.dt.epoch("us").to_numpy()
    rows = times.to_frame().join(pl.DataFrame({"item_id": timeline.item_ids.tolist()}), how="cross")
    expected = query_inputs(store.point_in_time(rows, ITEM_FEATURES, delay), ITEM_FEATURES)
    everywhere = timeline.at(stamps, ITEM_NUMBERS)
    ids = np.tile(timeline.item_ids, (len(stamps), 1))
    gathered = timeline.gather(stamps, ids, ITEM_FEATURES)
    for name in ITEM_FEATURES:
        wanted = expected[name].reshape(gathered[name].shape)
        np.testing.assert_array_equal(gathered[name], wanted, err_msg=name)
    for name in ITEM_NUMBERS:
        np.testing.assert_array_equal(everywhere[name], gathered[name], err_msg=name)


def test_the_timeline_goes_back_when_asked_to(store: FeatureStore, queries: pl.DataFrame) -> None:
    stamps = queries["timestamp"].unique().sort().dt.epoch("us").to_numpy()
    timeline = store.item_timeline()
    first = timeline.at(stamps, ["item_plays_7d"])["item_plays_7d"]
    again = timeline.at(stamps[::-1], ["item_plays_7d"])["item_plays_7d"]
    np.testing.assert_array_equal(again[::-1], first)


def test_the_timeline_has_missing_values_for_padding_and_strangers(
    store: FeatureStore, cut: datetime
) -> None:
    ids = np.array([["i01", "", "?"]], dtype=object)
    stamps = np.array([microseconds(cut)])
    values = store.item_timeline().gather(stamps, ids, ["item_plays_total", "title", "genres"])
    assert np.isnan(values["item_plays_total"]).tolist() == [[False, True, True]]
    assert values["title"].tolist() == [["Title 1", "", ""]]
    assert values["genres"][0, 1:].tolist() == [["", ""], ["", ""]]


@pytest.mark.parametrize("name", ["genres", "user_plays_1d"])
def test_the_timeline_refuses_what_is_not_a_number_of_an_item(
    store: FeatureStore, name: str
) -> None:
    with pytest.raises(FeatureError, match=name):
        store.item_timeline().at(np.array([0]), [name])


@pytest.mark.parametrize("task", ["top_picks", "trending_now", "next_play"])
def test_a_service_read_through_feast_itself_equals_our_own_reads(
    store: FeatureStore, cut: datetime, task: str
) -> None:
    feast_store = store.repository.open()
    request = {
        "request_timestamp": microseconds(cut),
        "request_device": "tv",
        "request_country": "",
        "request_text": "",
    }
    row = {"user_id": "u3", "item_id": "i01"} | request
    answer = feast_store.get_online_features(
        features=feast_store.get_feature_service(f"{task}_v1"), entity_rows=[row]
    ).to_dict()
    online = store.online()
    items = online.items(["i01"], cut, ITEM_NUMBERS)
    ours = online.user("u3", cut, {"device": "tv"}) | {n: items[n][0].item() for n in ITEM_NUMBERS}
    compared = [name for name in answer if name in ours]
    assert len(compared) == len(answer) - len({"user_id", "item_id", "genres"} & answer.keys())
    for name in compared:
        theirs = answer[name][0]
        assert theirs == ours[name] or theirs == pytest.approx(ours[name], rel=1e-6), name


def test_a_service_joined_through_feast_itself_equals_point_in_time(
    store: FeatureStore, queries: pl.DataFrame
) -> None:
    feast_store = store.repository.open()
    entities = queries.select(
        "user_id",
        "item_id",
        pl.col("timestamp").alias("event_timestamp"),
        pl.col("timestamp").dt.epoch("us").alias("request_timestamp"),
        pl.col("device").alias("request_device"),
        pl.lit("").alias("request_country"),
        pl.lit("").alias("request_text"),
    )
    service = feast_store.get_feature_service("top_picks_v1")
    job = feast_store.get_historical_features(entities.to_pandas(), service)
    ours = store.point_in_time(queries, TOP_PICKS.features)
    theirs = pl.DataFrame(job.to_arrow()).select(TOP_PICKS.features)
    assert_frame_equal(theirs, ours.select(TOP_PICKS.features), check_dtypes=False)
