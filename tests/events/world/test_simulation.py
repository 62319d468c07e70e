"""A world's log is the same each time, holds only what can happen, and says how probable it was."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from events.world.tiny_world import DAYS, run, small

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import SettingsError
from lolomo.core.policy import Greedy, PlackettLuce
from lolomo.core.tables import EVENTS
from lolomo.events.log import arrow_table
from lolomo.events.world import find_world
from lolomo.events.world.service import CANDIDATES
from lolomo.events.world.simulation import Simulation
from lolomo.events.world.state import HISTORY

PLAYED = pl.col(Columns.KIND).is_in((Kind.PLAY, Kind.COMPLETE))
SHOWN = pl.col(Columns.KIND) == Kind.IMPRESSION


def test_a_seed_gives_one_log_and_another_seed_another(log: pl.DataFrame) -> None:
    assert run(small()).equals(log)
    assert not run(small(), seed=1).equals(log)


def test_events_are_canonical_in_the_order_of_time_with_ids_of_their_own(log: pl.DataFrame) -> None:
    assert arrow_table(log, EVENTS).schema.equals(EVENTS)
    assert log[Columns.EVENT_ID].is_unique().all()
    by_day = log.with_row_index().sort(Columns.TIMESTAMP, maintain_order=True)["index"].to_numpy()
    assert np.abs(by_day - np.arange(log.height)).max() < log.height / DAYS


def test_each_kind_of_event_says_what_it_should(log: pl.DataFrame) -> None:
    assert set(log[Columns.KIND]) == {"impression", "play", "complete", "search", "thumb"}
    played, shown = log.filter(PLAYED), log.filter(SHOWN)
    assert played[Columns.PROGRESS].is_between(0, 1).all()
    assert shown[Columns.PROPENSITY].is_between(0, 1, closed="right").all()
    assert shown[Columns.REQUEST_ID].is_not_null().all()
    assert set(log[Columns.COUNTRY]) == {"US", "BR", "GB", "DE", "IN", "JP"}
    assert set(log[Columns.DEVICE]) == {"tv", "phone", "tablet", "web"}


def test_plays_from_a_page_are_of_titles_that_it_showed_there(log: pl.DataFrame) -> None:
    place = [Columns.REQUEST_ID, Columns.ITEM_ID, Columns.ROW, Columns.POSITION, Columns.SURFACE]
    from_page = log.filter(PLAYED, pl.col(Columns.ROW).is_not_null())
    assert from_page.height > 50
    assert from_page.join(log.filter(SHOWN), on=place, how="anti").is_empty()


def test_no_page_shows_a_title_twice_or_one_that_was_watched(log: pl.DataFrame) -> None:
    shown = log.filter(SHOWN)
    assert shown.select(Columns.REQUEST_ID, Columns.ITEM_ID).is_unique().all()
    remembered = pl.len().over(Columns.USER_ID) <= HISTORY
    watched = (
        log.filter(PLAYED)
        .filter(remembered)
        .select(Columns.USER_ID, Columns.ITEM_ID, pl.col(Columns.TIMESTAMP).alias("since"))
    )
    again = shown.join(watched, on=[Columns.USER_ID, Columns.ITEM_ID]).filter(
        pl.col(Columns.TIMESTAMP) - pl.col("since") > pl.duration(days=1)
    )
    assert again.is_empty()


def test_what_was_left_is_gone_on_with_from_where_it_was_left(log: pl.DataFrame) -> None:
    resumed = log.filter(pl.col(Columns.SURFACE) == "continue_watching", PLAYED)
    assert resumed.height > 10
    history = log.filter(PLAYED).sort(Columns.TIMESTAMP)
    before = history.select(
        Columns.EVENT_ID,
        pl.col(Columns.PROGRESS).shift(1).over(Columns.USER_ID, Columns.ITEM_ID).alias("before"),
    )
    found = resumed.join(before, on=Columns.EVENT_ID)
    assert (found["before"] < found[Columns.PROGRESS]).mean() > 0.9  # type: ignore[operator]


def test_a_uniform_policy_logs_uniform_propensities() -> None:
    log = run(small(launched_later=0.0), temperature=1e9).filter(SHOWN)
    first = log.filter(pl.col(Columns.POSITION) == 0, pl.col(Columns.SURFACE) == "top_picks")
    assert 1 / CANDIDATES < first[Columns.PROPENSITY].min() < first[Columns.PROPENSITY].max() < 0.02  # type: ignore[operator]
    last = log.filter(pl.col(Columns.POSITION) == 5, pl.col(Columns.SURFACE) == "top_picks")
    pairs = first.join(last, on=Columns.REQUEST_ID)
    candidates = 1 / pairs[Columns.PROPENSITY]
    expected = 1 / (candidates - 5)
    assert (pairs["propensity_right"] - expected).abs().max() < 1e-9  # type: ignore[operator]


def test_members_who_are_pleased_come_more_often() -> None:
    visits = {}
    for satisfaction in (-4.0, 4.0):
        world = Simulation(small(satisfaction=satisfaction, retention=4.0), 0)
        service = world.service(Greedy())
        visits[satisfaction] = [day.visits for day in world.days(service)]
    assert sum(visits[4.0][2:]) > 1.5 * sum(visits[-4.0][2:])


def test_two_policies_meet_the_same_members_at_first() -> None:
    came = []
    for policy in (Greedy(), PlackettLuce(5.0)):
        world = Simulation(small(), 0)
        came.append(next(iter(world.parts(world.service(policy), 0))).visits)
    assert came[0].member.tolist() == came[1].member.tolist()
    assert came[0].timestamp.tolist() == came[1].timestamp.tolist()


def test_a_world_that_cannot_be_is_refused() -> None:
    with pytest.raises(SettingsError, match="enlarge the catalogue"):
        replace(find_world("cascade"), num_items=20)
    with pytest.raises(SettingsError, match="shares from 0 to 1"):
        replace(find_world("cascade"), searching=1.5)
    with pytest.raises(SettingsError, match="no world is called 'flat'"):
        find_world("flat")
