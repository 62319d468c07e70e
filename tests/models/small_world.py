"""A small world whose truth is known: users of four tastes watch chains of items, in order of time.

A user watches mostly items of one taste, often the next of a chain, and popular ones of the taste
more than others. So histories, genres, order and popularity all tell something.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core import tables
from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Query, Scores
from lolomo.core.task import Task
from lolomo.features import Feature
from lolomo.features.candidates import source_features
from lolomo.features.history_features import OF_HISTORIES, HistoryFeatures
from lolomo.features.places import Places
from lolomo.training.models import RankingBatch, TrainingData
from lolomo.training.models.candidate_values import CLOSE_COVISITS

NUM_USERS, NUM_ITEMS, NUM_TASTES, NUM_STEPS = 150, 60, 4, 8
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = 40
CUT = FIRST + timedelta(days=32)
WINDOW_DAYS = {"1d": 1.0, "3d": 3.0, "7d": 7.0, "14d": 14.0, "30d": 30.0, "total": 1e6}
HALF_LIFE_DAYS = {"1d": 1.0, "3d": 3.0, "7d": 7.0}
LENGTH = 50
DAY = 86_400_000_000

NUMBERS = (
    *(f"item_plays_{window}" for window in WINDOW_DAYS),
    *(f"item_decayed_plays_{half_life}" for half_life in HALF_LIFE_DAYS),
)
FEATURES = (
    *(Feature(name, "item", "number", name) for name in NUMBERS),
    Feature(Columns.GENRES, "item", "categories", "What it is."),
    Feature("user_plays_total", "user", "number", "Plays so far."),
    Feature(Columns.GENDER, "user", "category", "Tells the taste, mostly."),
)


@dataclass(frozen=True)
class World:
    """Events and what is known of users and items."""

    events: pl.DataFrame
    items: pl.DataFrame
    item_ids: Ids
    taste: NDArray[np.int64]
    """Of each item."""

    @property
    def titles(self) -> list[str]:
        """Of each item."""
        return self.items[Columns.TITLE].to_list()

    def place(self, item_id: str) -> int:
        return int(item_id[1:])


@cache
def small_world() -> World:
    """Return the one world that all tests share."""
    rng = np.random.default_rng(7)
    item_ids = np.array([f"i{place:02}" for place in range(NUM_ITEMS)], dtype=object)
    taste = np.arange(NUM_ITEMS) % NUM_TASTES
    appeal = rng.gamma(0.3, size=NUM_ITEMS) + 0.02
    rows = [row for user in range(NUM_USERS) for row in _plays(user, taste, appeal, rng)]
    events = pl.DataFrame(rows, schema=["user", "item", "day"], orient="row").select(
        pl.int_range(pl.len()).cast(pl.String).alias(Columns.EVENT_ID),
        pl.format("u{}", "user").alias(Columns.USER_ID),
        pl.lit(item_ids.astype(str)).implode().first().list.get("item").alias(Columns.ITEM_ID),
        pl.lit("play").alias(Columns.KIND),
        (FIRST + pl.duration(microseconds=(pl.col("day") * DAY).cast(pl.Int64))).alias(
            Columns.TIMESTAMP
        ),
    )
    items = pl.DataFrame(
        {
            Columns.ITEM_ID: item_ids.astype(str),
            Columns.TITLE: [_title(place) for place in range(NUM_ITEMS)],
            Columns.GENRES: [[f"genre {kind}", "film"] for kind in taste],
            Columns.RELEASE_YEAR: [2000] * NUM_ITEMS,
        }
    )
    assert set(events.columns) <= set(tables.EVENTS.names)
    return World(events.sort(Columns.TIMESTAMP, maintain_order=True), items, item_ids, taste)


def _title(place: int) -> str:
    """Return two words that no other title has both of."""
    first = ("Amber", "Bitter", "Crimson", "Distant", "Eternal", "Frozen", "Golden", "Hidden")
    second = ("Anchor", "Bridge", "Castle", "Desert", "Engine", "Forest", "Garden", "Harbour")
    return f"{first[place % 8]} {second[place // 8]}"


def _plays(
    user: int, taste: NDArray[np.int64], appeal: NDArray[Any], rng: np.random.Generator
) -> Iterator[tuple[int, int, float]]:
    liked = np.where(taste == user % NUM_TASTES, appeal, 0.1 * appeal)
    days = np.sort(rng.uniform(0, DAYS, NUM_STEPS))
    item = int(rng.choice(NUM_ITEMS, p=liked / liked.sum()))
    watched = set()
    for day in days:
        yield user, item, float(day)
        watched.add(item)
        following = (item + NUM_TASTES) % NUM_ITEMS
        if following in watched or rng.random() < 0.5:
            unseen = np.where(np.isin(np.arange(NUM_ITEMS), list(watched)), 0, liked)
            following = int(rng.choice(NUM_ITEMS, p=unseen / unseen.sum()))
        item = following


def training_data(task: Task) -> TrainingData:
    """Return everything before the cut, with rankings of its last days."""
    world = small_world()

    def rankings() -> Iterator[RankingBatch]:
        rows = _rows_between(CUT - timedelta(days=14), CUT)
        for start in range(0, len(rows), 64):
            batch = ranking(rows[start : start + 64], task)
            candidates = batch.query[Columns.CANDIDATES]
            new = np.where(watched(batch.query), "", candidates)
            yield RankingBatch({**batch.query, Columns.CANDIDATES: new}, batch.gains)

    ids = world.events[Columns.USER_ID].unique().sort()
    users = pl.DataFrame({Columns.USER_ID: ids, Columns.GENDER: [_gender(user) for user in ids]})
    events = world.events.filter(pl.col(Columns.TIMESTAMP) < CUT)
    places = [world.place(item) for item in events[Columns.ITEM_ID].unique().sort()]

    def known_values(times: NDArray[np.int64], names: Sequence[str]) -> dict[str, Scores]:
        return {name: value[:, places] for name, value in item_values(times, names).items()}

    return TrainingData(
        task=task,
        events=events,
        items=world.items,
        cut=CUT,
        rankings=rankings,
        features=FEATURES,
        users=users,
        item_values=known_values,
        history_values=HistoryFeatures(world.events, world.items, Places(world.item_ids)).of,
    )


def later_queries(task: Task, limit: int = 150) -> RankingBatch:
    """Return queries after the cut, over the whole catalogue."""
    return ranking(_rows_between(CUT, FIRST + timedelta(days=DAYS))[:limit], task)


def _rows_between(start: datetime, end: datetime) -> list[int]:
    time = small_world().events[Columns.TIMESTAMP]
    return np.flatnonzero(((time >= start) & (time < end)).to_numpy()).tolist()


def ranking(rows: list[int], task: Task) -> RankingBatch:
    """Return the queries of some events, each answered by its own item, over all items."""
    world = small_world()
    users = world.events[Columns.USER_ID].to_numpy()
    items = np.array([world.place(item) for item in world.events[Columns.ITEM_ID]])
    times = world.events[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    past = [np.flatnonzero(users[:row] == users[row]) for row in rows]
    titles = world.titles
    query: dict[str, NDArray[Any]] = {
        Columns.TIMESTAMP: times[rows],
        Columns.COUNTS_TIMESTAMP: times[rows],
        Columns.CANDIDATES: np.tile(world.item_ids, (len(rows), 1)),
        Columns.HISTORY_ITEM_IDS: _padded([world.item_ids[items[some]] for some in past], ""),
        Columns.HISTORY_TIMESTAMPS: _padded([times[some] for some in past], 0),
        Columns.HISTORY_KINDS: _padded([np.full(len(some), "play") for some in past], ""),
        "user_plays_total": np.array([len(some) for some in past], np.float32),
        Columns.TEXT: np.array([_typed(row, titles[items[row]]) for row in rows], dtype=object),
        Columns.GENDER: np.array([_gender(users[row]) for row in rows], dtype=object),
        Columns.GENRES: np.tile(
            np.array(world.items[Columns.GENRES].to_list(), object), (len(rows), 1, 1)
        ),
    }
    query |= item_values(times[rows], NUMBERS)
    for name in source_features(task.candidates_from):
        query[name] = np.zeros((len(rows), NUM_ITEMS), np.float32)
    told = OF_HISTORIES if task.candidates_from else CLOSE_COVISITS
    query |= HistoryFeatures(world.events, world.items, Places(world.item_ids)).of(query, told)
    gains = np.eye(NUM_ITEMS, dtype=np.float32)[items[rows]]
    return RankingBatch(query, gains)


def watched(query: Query) -> NDArray[np.bool_]:
    """Return which candidates are in the history. Shape: [batch, candidates]."""
    pairs = zip(query[Columns.CANDIDATES], query[Columns.HISTORY_ITEM_IDS], strict=True)
    return np.array([np.isin(some.astype(str), past.astype(str)) for some, past in pairs])


def _typed(row: int, title: str) -> str:
    """Return the beginning of the title, with a letter too many, or nothing, in turns."""
    return (title[:5].lower(), f"{title[:4]}{title[3:7]}", "")[row % 3]


def _gender(user_id: str) -> str:
    return "FM"[int(user_id[1:]) % 2]


def item_values(timestamps: NDArray[np.int64], names: Sequence[str]) -> dict[str, Scores]:
    """Return counts of all items strictly before each time. Shape of each: [times, items]."""
    world = small_world()
    items = np.array([world.place(item) for item in world.events[Columns.ITEM_ID]])
    times = world.events[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    past = [np.searchsorted(times, timestamp) for timestamp in timestamps]
    ages = [(now - times[:row]) / DAY for row, now in zip(past, timestamps, strict=True)]
    values = {}
    for name in names:
        span, worth = name.rsplit("_", 1)[1], []
        if name.startswith("item_decayed_plays_"):
            worth = [2 ** (-age / HALF_LIFE_DAYS[span]) for age in ages]
        else:
            worth = [(age < WINDOW_DAYS[span]).astype(float) for age in ages]
        counts = [
            np.bincount(items[:row], some, NUM_ITEMS) for row, some in zip(past, worth, strict=True)
        ]
        values[name] = np.array(counts, np.float32).reshape(len(timestamps), NUM_ITEMS)
    return values


def _padded(lists: list[NDArray[Any]], padding: Any) -> NDArray[Any]:
    """Return lists as one array, padded at the front."""
    array = np.full((len(lists), LENGTH), padding, object if padding == "" else np.int64)
    for row, some in enumerate(lists):
        array[row, LENGTH - len(some) :] = some
    return array
