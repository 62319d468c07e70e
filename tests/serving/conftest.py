"""A small service made of fakes: releases and features are numpy, all else is real."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lolomo.core.recommender import Ids, Query, Scores
from lolomo.features.captions import Caption, Captions
from lolomo.serving.bentos import Clock, Front
from lolomo.serving.bentos.clock import microseconds
from lolomo.serving.steps import Champion, Resources
from lolomo.tasks import all_tasks

CATALOGUE = np.array([f"{number:04d}" for number in range(60)], dtype=object)
HISTORIES = {"ann": ("0003", "0011", "0020"), "bob": ("0007",)}
HISTORIES |= {f"user-{number}": ("0005", "0012") for number in range(12)}
USER_NUMBERS = ("user_plays_1d", "user_plays_7d", "user_mean_value", "clock", "hour", "weekday")


class FakeFeatures:
    """Sixty items, the last two of one title; two users who have watched something."""

    item_ids: Ids = CATALOGUE
    counts_timestamp = 0

    def user(
        self, user_id: str, timestamp: int, context: Mapping[str, str | None]
    ) -> dict[str, Any]:
        history = list(HISTORIES.get(user_id, ()))
        times = [timestamp - 1_000_000 * (len(history) - place) for place in range(len(history))]
        return {
            "history_item_ids": history,
            "history_timestamps": times,
            "history_kinds": ["play"] * len(history),
            **dict.fromkeys(USER_NUMBERS, 1.0),
            "gender": None,
            **context,
        }

    version = "fake"

    def observe(self, events: pl.DataFrame) -> None:
        """Learn nothing."""

    def refresh(self) -> bool:
        return False

    def codes(self, item_ids: Ids) -> NDArray[np.int64]:
        return np.array([_number(item_id) for item_id in item_ids], np.int64)

    def title_keys(self, item_ids: Ids) -> NDArray[np.int64]:
        number = np.array([_number(item_id) for item_id in item_ids], np.int64)
        return np.where(number == 58, 57, number)

    def captions(self, item_ids: Sequence[str]) -> Mapping[str, Caption]:
        return Captions(lambda ids, names: self.items(ids, 0, names)).of(item_ids)

    def of_genres(self, item_ids: Ids, timestamp: int, genres: Sequence[str]) -> NDArray[np.bool_]:
        known = self.items(item_ids, timestamp, ("genres",))["genres"]
        members = [genre in own for genre in genres for own in known.tolist()]
        return np.array(members, bool).reshape(len(genres), len(known))

    def items(
        self, item_ids: Ids, timestamp: int, features: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        number = np.array([_number(item_id) for item_id in item_ids])
        texts = {
            "title": np.array(
                ["Twin" if n in (58, 57) else f"Film {n} <&>" for n in number], dtype=object
            ),
            "genres": np.array([["Drama", "Comedy" if n % 2 else ""] for n in number], object),
        }
        texts["genres"] = texts["genres"].reshape(len(number), 2)
        years = np.where(number % 5 == 0, np.nan, 1990 + number // 10).astype(np.float32)
        known = {**texts, "release_year": years}
        return {name: known.get(name, number.astype(np.float32)) for name in features}


def _number(item_id: str) -> int:
    return int(item_id) if item_id.isdecimal() else 0


@dataclass
class FakeRetriever:
    """Finds the items whose numbers are nearest to the last of the history."""

    inputs: tuple[str, ...] = ("history_item_ids", "history_timestamps", "timestamp")
    items: Ids = field(default_factory=lambda: CATALOGUE)
    batches: list[int] = field(default_factory=list)

    def scores(self, query: Query) -> Scores:
        last = np.array([_number(items[-1]) for items in query["history_item_ids"]])
        distance = np.abs(np.arange(len(CATALOGUE))[None] - last[:, None] - 0.1)
        return np.asarray(-distance, np.float32)

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        scores = self.scores(query)
        self.batches.append(len(scores))
        order = np.argsort(-scores, axis=1)[:, :k]
        return CATALOGUE[order], np.take_along_axis(scores, order, 1)


@dataclass
class FakeRanker:
    """Ranks by one input, the higher the better."""

    by: str = "item_plays_7d"
    inputs: tuple[str, ...] = ("candidates", "item_plays_7d", "user_plays_7d", "gender")
    fail: Callable[[], None] | None = None

    def rank(self, query: Query) -> Scores:
        if self.fail:
            self.fail()
        assert query["user_plays_7d"].shape == (1,)
        return np.asarray(query[self.by], np.float32)


@dataclass
class FakeSearch:
    """Finds the item whose number was typed, and the smallest numbers if none was."""

    inputs: tuple[str, ...] = ("candidates", "text", "item_plays_total")
    fail: Callable[[], None] | None = None

    def rank(self, query: Query) -> Scores:
        if self.fail:
            self.fail()
        typed = query["text"][0]
        numbers = np.array([_number(item_id) for item_id in query["candidates"][0]])
        found = 1000.0 * (numbers == int(typed)) if typed else 0.0
        return np.asarray(found - numbers, np.float32)[None]


@pytest.fixture
def champions() -> dict[str, Champion]:
    """Every task's release; tests take some away or break them."""
    return {
        "trending_now": Champion("a" * 64, "popularity", FakeRanker()),
        "because_you_watched": Champion("b" * 64, "item_knn", FakeRetriever()),
        "next_play": Champion("c" * 64, "sasrec", FakeRetriever()),
        "search": Champion("e" * 64, "fuzzy_search", FakeSearch()),
        "top_picks": Champion("d" * 64, "deep_ranker", FakeRanker("next_play_score")),
    }


@pytest.fixture
def resources(champions: dict[str, Champion]) -> Resources:
    seen = {"ann": frozenset({"0004", *HISTORIES["ann"]})}
    tasks = {name: task for name, task in all_tasks().items() if task.needs != ("progress",)}
    return Resources(tasks, champions, FakeFeatures(), seen)


@pytest.fixture
def front(resources: Resources) -> Front:
    from datetime import UTC, datetime

    start = datetime(1998, 4, 22, 23, 10, tzinfo=UTC)
    assert microseconds(start) > 0
    return Front(resources, Clock(start), deadline_seconds=5.0)
