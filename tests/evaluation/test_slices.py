from collections.abc import Callable, Sequence

import polars as pl
import pytest

from lolomo.core.reward import INTERACTION
from lolomo.core.task import Label, LabelKind
from lolomo.evaluation import Fold, build_queries, rolling_folds, slices, traits

MakeEvents = Callable[[Sequence[tuple[str, str, float]]], pl.DataFrame]
DAY = 24.0
PAST = [
    *[(f"v{number}", "hit", number) for number in range(6)],
    *[(f"v{number}", "mid", 10 + number) for number in range(4)],
    ("v0", "rare", 20),
    ("v1", "rare", 21),
]
WINDOW_START = 30 * DAY


@pytest.fixture
def asked(make_events: MakeEvents) -> tuple[pl.DataFrame, pl.DataFrame, Fold]:
    """Queries of a window with a row of each kind, and the events they are cut from."""
    rows = [
        *PAST,
        *[("reader", f"book{number}", 25 * DAY + number) for number in range(3)],
        ("v5", "a", WINDOW_START - 1),
        ("v5", "hit2", WINDOW_START),
        ("v0", "book0", WINDOW_START + 1),
        ("reader", "hit", WINDOW_START + 2),
        ("v2", "mid2", WINDOW_START + 3),
        ("v2", "rare", WINDOW_START + 9 * DAY),
    ]
    events = make_events(rows)
    end = rolling_folds(events).test.end
    start = len(PAST) + 4
    time = events["timestamp"][start]
    fold = Fold("test", time, time, end, start, len(events))
    return build_queries(events, Label(LabelKind.NEXT_ITEM), INTERACTION, fold), events, fold


@pytest.mark.parametrize(
    ("user", "trait", "group"),
    [
        ("v0", "history", "02-04"),
        ("reader", "popularity", "head"),
        ("v2", "popularity", "mid"),
        ("v0", "popularity", "tail"),
        ("v0", "new item", "new"),
        ("reader", "new item", "known"),
        ("v0", "days since the cut", "00"),
        ("v2", "days since the cut", "07-13"),
    ],
)
def test_each_query_belongs_to_the_groups_that_it_should(
    asked: tuple[pl.DataFrame, pl.DataFrame, Fold], user: str, trait: str, group: str
) -> None:
    queries, events, fold = asked
    of = queries.select("query_id", "user_id").join(traits(queries, events, fold), on="query_id")
    assert of.filter(user_id=user)[trait].to_list() == [group]


def test_devices_are_a_trait_where_they_are_known(
    asked: tuple[pl.DataFrame, pl.DataFrame, Fold],
) -> None:
    queries, events, fold = asked
    devices = pl.Series("device", ["tv", None, "phone"][: len(queries)], dtype=pl.String)
    groups = traits(
        queries.with_columns(devices, pl.lit(None, pl.String).alias("country")), events, fold
    )
    found = slices(per_query(queries), groups)
    assert found.filter(trait="device")["group"].to_list() == ["phone", "tv"]
    assert found.filter(trait="country").is_empty()


def per_query(queries: pl.DataFrame) -> pl.DataFrame:
    values = pl.int_range(pl.len()).cast(pl.Float64).alias("ndcg@10")
    return queries.select("query_id", "user_id", "timestamp", "cluster", values)


def test_the_groups_of_a_trait_make_up_the_whole(random_events: pl.DataFrame) -> None:
    fold = rolling_folds(random_events).test
    queries = build_queries(random_events, Label(LabelKind.NEXT_ITEM), INTERACTION, fold)
    table = per_query(queries)
    found = slices(table, traits(queries, random_events, fold))
    whole = table["ndcg@10"].mean()
    for _, part in found.group_by("trait"):
        assert part["num_queries"].sum() == len(queries)
        weighted = (part["mean"] * part["num_queries"]).sum() / len(queries)
        assert weighted == pytest.approx(whole)
        assert (part["low"] <= part["mean"]).all()
