"""Row order and evidence on the page: what their releases change, and what stays without them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from lolomo.core.recommender import Query, Scores
from lolomo.serving.bentos import Front, Limits, PageAnswer, PageRequest
from lolomo.serving.releases import Deployment
from lolomo.serving.steps import Champion
from lolomo.serving.steps.evidence import choose_pitches
from lolomo.tasks.evidence import PITCHES

FEW = Limits(titles=5)


@dataclass
class FakeChooser:
    """Scores rows or pitches as it is told."""

    score: Callable[[Query], Any]
    inputs: tuple[str, ...] = ("candidates", "user_plays_7d")

    def rank(self, query: Query) -> Scores:
        return np.asarray(self.score(query), np.float32)


def page_of(
    front: Front, task: str, score: Callable[[Query], Any], limits: Limits = FEW
) -> PageAnswer:
    """Return a page of a front whose task is answered so."""
    resources = front.resources
    champion = Champion("f" * 64, "fake", FakeChooser(score))
    champions = {**resources.champions, task: champion}
    front.deployment = Deployment(replace(resources, champions=champions))
    return asyncio.run(front.page(PageRequest(user_id="ann", limits=limits)))


def trending_first(query: Query) -> Scores:
    return np.asarray(query["candidates"] == "trending_now", np.float32)


def test_rows_stand_in_the_order_of_the_release(front: Front) -> None:
    request = PageRequest(user_id="ann", limits=FEW)
    plain = [row.title for row in asyncio.run(front.page(request)).rows]
    answer = page_of(front, "row_order", trending_first)
    assert answer.degraded == {}
    assert answer.rows[0].task == "trending_now"
    assert sorted(row.title for row in answer.rows) == sorted(plain)
    assert answer.degraded == {}


def test_the_release_chooses_among_all_rows_and_not_the_first(front: Front) -> None:
    answer = page_of(front, "row_order", trending_first, Limits(rows=2, titles=5))
    assert [row.task for row in answer.rows] == ["trending_now", "top_picks"]


def test_rows_are_known_by_what_they_hold(front: Front) -> None:
    answer = page_of(front, "row_order", lambda query: query["row_plays"])
    means = [np.mean([int(entry["item_id"]) for entry in row.entries]) for row in answer.rows]
    assert answer.degraded == {}
    assert means[0] == max(means)


def test_every_pitch_is_true_and_logged_with_its_probability(front: Front) -> None:
    answer = page_of(front, "evidence", lambda query: np.zeros(query["candidates"].shape))
    entries = [entry for row in answer.rows for entry in row.entries]
    assert {entry["evidence"] for entry in entries} >= {"genre", "year"}
    for entry in entries:
        assert entry["evidence"] in PITCHES
        assert (entry["evidence_propensity"] or 0) >= 1 / len(PITCHES) - 1e-9
        assert entry["evidence"] != "year" or entry["why"] == f"from {entry['release_year']}"


def test_the_same_request_gets_the_same_pitches(front: Front) -> None:
    rows = page_of(front, "evidence", lambda query: np.zeros(query["candidates"].shape)).rows

    async def pitched(request_id: str) -> list[str]:
        context = await front.context(PageRequest(user_id="ann"))
        context = replace(context, request_id=request_id)
        chosen = await choose_pitches(rows, context, front.resources)
        return [entry["evidence"] for row in chosen.rows for entry in row.entries]

    drawn = [asyncio.run(pitched(request_id)) for request_id in ("r1", "r1", "r2")]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("task", ["row_order", "evidence"])
def test_a_release_that_fails_leaves_the_page_as_it_was(front: Front, task: str) -> None:
    plain = asyncio.run(front.page(PageRequest(user_id="ann", limits=FEW))).rows

    def fail(query: Query) -> Scores:
        raise ValueError("broken")

    answer = page_of(front, task, fail)
    assert answer.rows == plain
    assert answer.degraded[task].startswith("failed")
