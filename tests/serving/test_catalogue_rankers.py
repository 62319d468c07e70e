"""A ranker of the whole catalogue is told what the history says of it, if it reads that."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from serving.conftest import FakeRanker

from lolomo.core.recommender import Query
from lolomo.features.history_features import HistoryFeatures
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.steps.resources import Champion, Resources


@dataclass
class FakeHistory:
    """Finds that what comes first in the catalogue goes best with every history."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    def of(self, query: Query, names: Collection[str]) -> dict[str, Any]:
        assert query["history_item_ids"].shape == query["history_timestamps"].shape
        self.asked.append(tuple(names))
        order = -np.arange(query["candidates"].size, dtype=np.float32)
        return dict.fromkeys(names, order.reshape(query["candidates"].shape))


def next_play(resources: Resources, front: Front, ranker: FakeRanker) -> tuple[list[str], Any]:
    history = FakeHistory()
    champion = Champion("f" * 64, "sasrec", ranker)
    told = replace(
        resources,
        champions={"next_play": champion},
        history_features=cast("HistoryFeatures", history),
    )
    whole = Front(told, front.clock, deadline_seconds=5.0)
    page = asyncio.run(whole.page(PageRequest(user_id="ann")))
    [row] = [row for row in page.rows if row.task == "next_play"]
    return [entry["item_id"] for entry in row.entries], history.asked


def test_it_is_told_what_it_reads_and_no_more(resources: Resources, front: Front) -> None:
    inputs = ("candidates", "user_plays_7d", "covisits_near")
    best, asked = next_play(resources, front, FakeRanker("covisits_near", inputs))
    assert best == sorted(best)
    assert asked == [("covisits_near",)]


def test_one_that_reads_none_costs_nothing(resources: Resources, front: Front) -> None:
    best, asked = next_play(resources, front, FakeRanker())
    assert best == sorted(best, reverse=True)
    assert asked == []
