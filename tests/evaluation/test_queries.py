import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typing_extensions import override

from lolomo.core.errors import SettingsError
from lolomo.core.reward import INTERACTION, Reward, Term
from lolomo.core.reward_parts import Part
from lolomo.core.task import Label, LabelKind
from lolomo.evaluation import (
    Fold,
    build_queries,
    build_static_queries,
    item_counts,
    known_items,
    num_evaluable_users,
    rolling_folds,
    seen_items,
)

MakeEvents = Callable[[Sequence[tuple[str, str, float]]], pl.DataFrame]


NEXT_ITEM = Label(LabelKind.NEXT_ITEM)
NEXT_ITEMS = Label(LabelKind.NEXT_ITEMS, timedelta(hours=48))
COUNTS = Label(LabelKind.COUNTS, timedelta(hours=24))
TICK = timedelta(microseconds=1)

KNOWN = [("other", item, 0.0) for item in "abcdefghi"]


def ask(
    events: pl.DataFrame, label: Label, reward: Reward = INTERACTION, start: int = 9
) -> tuple[pl.DataFrame, Fold]:
    """Query the window that begins at a row and reaches to the end."""
    fold = rolling_folds(events).test
    time = events["timestamp"][start]
    fold = Fold("test", time, time, fold.end, start, len(events))
    return build_queries(events, label, reward, fold), fold


def brute_force_next_item(events: pl.DataFrame, fold: Fold) -> dict[tuple[str, datetime], set[str]]:
    rows = list(events.select("user_id", "item_id", "timestamp").iter_rows())
    known = {item for _, item, _ in rows[: fold.start_row]}
    found: dict[tuple[str, datetime], set[str]] = {}
    for user, item, time in rows[fold.start_row : fold.end_row]:
        past = [other for who, other, when in rows if who == user and when < time]
        if len(past) >= 2 and item in known and item not in past:
            found.setdefault((user, time), set()).add(item)
    return found


@pytest.mark.parametrize("name", ["stacking", "validation", "test"])
def test_next_item_queries_are_those_of_the_protocol(
    random_events: pl.DataFrame, name: str
) -> None:
    fold = getattr(rolling_folds(random_events), name)
    queries = build_queries(random_events, NEXT_ITEM, INTERACTION, fold)
    found = {(row["user_id"], row["timestamp"]): set(row["targets"]) for row in queries.to_dicts()}
    assert found == brute_force_next_item(random_events, fold)
    assert len(found) == len(queries) > 10
    assert queries["timestamp"].is_sorted()


def test_tied_events_are_targets_of_one_query_and_not_its_history(make_events: MakeEvents) -> None:
    rows = [*KNOWN, ("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("u", "d", 3), ("u", "e", 4)]
    queries, _ = ask(make_events(rows), NEXT_ITEM)
    assert queries["targets"].to_list() == [["c", "d"], ["e"]]


def test_two_earlier_events_are_needed_and_a_tied_one_is_not_earlier(
    make_events: MakeEvents,
) -> None:
    rows = [*KNOWN, ("u", "a", 1), ("u", "b", 2), ("u", "c", 2), ("u", "d", 3)]
    assert ask(make_events(rows), NEXT_ITEM)[0]["targets"].to_list() == [["d"]]


def test_seen_items_are_those_strictly_before_each_query(random_events: pl.DataFrame) -> None:
    queries, _ = ask(random_events, NEXT_ITEM, start=1800)
    queries = queries.sample(fraction=1.0, shuffle=True, seed=1)
    seen = seen_items(random_events, queries)
    for place, row in enumerate(queries.iter_rows(named=True)):
        past = random_events.filter(user_id=row["user_id"]).filter(
            pl.col("timestamp") < row["timestamp"]
        )
        assert seen.of(place).tolist() == past["item_id"].to_list()


def test_a_seed_is_seen_by_its_own_query_and_answered_by_later_new_known_items(
    make_events: MakeEvents,
) -> None:
    rows = [*KNOWN, ("u", "a", 1), ("u", "b", 2), ("u", "new", 3), ("u", "a", 4), ("u", "c", 50)]
    events = make_events(rows)
    queries, _ = ask(events, NEXT_ITEMS)
    asked = queries.select("seed_item_id", "targets").rows()
    # From "a" at 1 the horizon reaches to 49: "c" at 50 is too late, and "new" was never known.
    assert asked == [("a", ["b"]), ("b", ["c"]), ("new", ["c"]), ("a", ["c"])]
    assert queries["timestamp"][0] == events["timestamp"][9] + TICK
    assert "a" in seen_items(events, queries).of(0).tolist()


def test_of_tied_seeds_the_last_in_source_order_asks(make_events: MakeEvents) -> None:
    rows = [*KNOWN, ("u", "a", 1), ("u", "b", 1), ("u", "c", 2)]
    queries, _ = ask(make_events(rows), NEXT_ITEMS)
    assert queries.select("seed_item_id", "targets").rows() == [("b", ["c"])]


def test_the_clock_asks_every_six_hours_while_the_horizon_fits(make_events: MakeEvents) -> None:
    rows = [*KNOWN, *[("u", "a", 7.0 + hour) for hour in range(37)], ("v", "new", 8.0)]
    queries, fold = ask(make_events(rows), COUNTS)
    assert [time.hour for time in queries["timestamp"]] == [12, 18]
    assert queries["gains"].to_list() == [[24.0], [24.0]]
    assert queries["targets"].to_list() == [["a"], ["a"]]
    assert queries["user_id"].unique().to_list() == [""]
    assert queries["cluster"].to_list() == ["2020-01-01"] * 2
    assert num_evaluable_users(make_events(rows), queries, fold) == 2


class NotC(Part):
    name = "not_c"

    @override
    def expression(self) -> pl.Expr:
        return pl.col("item_id") != "c"


def test_gains_are_rewards_and_what_earns_none_is_no_target(make_events: MakeEvents) -> None:
    rows = [*KNOWN, ("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("u", "d", 4)]
    queries, _ = ask(make_events(rows), NEXT_ITEM, Reward("half", 1, (Term(0.5, NotC()),)))
    assert queries.select("targets", "gains").rows() == [(["d"], [0.5])]


def test_impressions_are_no_history(make_events: MakeEvents) -> None:
    events = make_events([*KNOWN, ("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("u", "d", 4)])
    shown = events.with_columns(
        kind=pl.when(pl.col("item_id") == "a", pl.col("user_id") == "u")
        .then(pl.lit("impression"))
        .otherwise("kind")
    )
    assert ask(shown, NEXT_ITEM)[0]["targets"].to_list() == [["d"]]


@pytest.mark.parametrize("horizon", [None, timedelta(0)])
@pytest.mark.parametrize("kind", [LabelKind.NEXT_ITEMS, LabelKind.COUNTS])
def test_a_label_without_its_horizon_is_refused(
    random_events: pl.DataFrame, kind: LabelKind, horizon: timedelta | None
) -> None:
    with pytest.raises(SettingsError, match="positive horizon"):
        ask(random_events, Label(kind, horizon))


@pytest.mark.parametrize("label", [NEXT_ITEM, NEXT_ITEMS, COUNTS])
def test_a_window_too_thin_for_any_query_gives_an_empty_table_of_the_same_columns(
    make_events: MakeEvents, label: Label, random_events: pl.DataFrame
) -> None:
    empty, _ = ask(make_events([*KNOWN, ("u", "new", 1.0)]), label)
    full, _ = ask(random_events, label, start=1800)
    assert empty.is_empty()
    assert empty.schema == full.schema


@pytest.fixture(scope="module")
def movietweetings() -> pl.DataFrame:
    default = Path(__file__).parents[3] / "shared" / "datasets"
    path = Path(os.environ.get("LOLOMO_DATA", default)) / "movietweetings-100k" / "ratings.dat"
    if not path.exists():
        pytest.skip("movietweetings-100k is not on this machine: set LOLOMO_DATA")
    rows = [line.split("::") for line in path.read_text().splitlines()]
    events = pl.DataFrame(
        [(user, item, "rate", float(value), int(seconds)) for user, item, value, seconds in rows],
        schema=["user_id", "item_id", "kind", "value", "seconds"],
        orient="row",
    )
    time = pl.from_epoch("seconds").cast(pl.Datetime("us", "UTC")).alias("timestamp")
    return events.with_columns(time).sort("timestamp", maintain_order=True)


def test_movietweetings_has_the_7028_queries_of_the_protocol(movietweetings: pl.DataFrame) -> None:
    fold = rolling_folds(movietweetings).test
    queries = build_queries(movietweetings, NEXT_ITEM, INTERACTION, fold)
    assert len(queries) == queries["targets"].list.len().sum() == 7028
    assert len(known_items(item_counts(movietweetings, fold))) == 9925


def test_static_queries_ask_each_regular_user_once_at_the_cut(movietweetings: pl.DataFrame) -> None:
    fold = rolling_folds(movietweetings).test
    queries = build_static_queries(movietweetings, INTERACTION, fold)
    assert queries["user_id"].is_unique().all()
    assert queries["timestamp"].unique().to_list() == [fold.start]
    seen = seen_items(movietweetings, queries)
    assert all(len(seen.of(place)) >= 3 for place in range(len(queries)))
    assert not any(set(seen.of(i)) & set(queries["targets"][i]) for i in range(len(queries)))
