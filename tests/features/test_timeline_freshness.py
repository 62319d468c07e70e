"""A timeline that is late, or frozen: what is stored stands still, and the clock goes on."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from lolomo.features import FeatureStore, query_inputs
from lolomo.features.timeline import EPOCH, MICROSECOND

STORED = ["item_plays_3d", "item_plays_total", "item_mean_value"]
CLOCKS = ["item_age", "item_recency", "item_decayed_plays_3d"]
LATER = [timedelta(hours=-30), timedelta(0), timedelta(hours=5), timedelta(days=9)]


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(hours=24)])
def test_stored_values_are_those_known_when_they_stopped_to_arrive(
    store: FeatureStore, cut: datetime, delay: timedelta
) -> None:
    times = [cut + later for later in LATER]
    timeline = store.item_timeline(delay, frozen_at=cut)
    stamps = np.array([(time - EPOCH) // MICROSECOND for time in times])
    found = timeline.at(stamps, STORED)
    for row, time in enumerate(times):
        known_at = min(time - delay, cut)
        assert timeline.known_at(stamps)[row] == (known_at - EPOCH) // MICROSECOND
        asked = pl.DataFrame({"item_id": timeline.item_ids.tolist()}).with_columns(
            pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("timestamp")
        )
        expected = query_inputs(store.point_in_time(asked, STORED), STORED)
        for name in STORED:
            np.testing.assert_array_equal(found[name][row], expected[name], err_msg=name)


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_go_on_when_values_are_frozen(store: FeatureStore, cut: datetime, name: str) -> None:
    stamps = np.array([(cut + timedelta(days=days) - EPOCH) // MICROSECOND for days in (0, 5)])
    values = store.item_timeline(frozen_at=cut).at(stamps, [name])[name]
    before, after = values[:, ~np.isnan(values[0])]
    assert len(before)
    assert ((after < before) if "decayed" in name else (after > before)).all()


def test_nothing_is_frozen_before_the_freezing(store: FeatureStore, cut: datetime) -> None:
    stamps = np.array([(cut - timedelta(hours=hours) - EPOCH) // MICROSECOND for hours in (50, 0)])
    live = store.item_timeline().at(stamps, STORED)
    frozen = store.item_timeline(frozen_at=cut).at(stamps, STORED)
    for name in STORED:
        np.testing.assert_array_equal(frozen[name], live[name])
