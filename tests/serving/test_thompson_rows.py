"""Thompson sampling on a ranker's head: drawn from its posterior, journalled with errors."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from serving.conftest import FakeRanker

from lolomo.core.policy import policies_from
from lolomo.core.recommender import Factors, Query, Scores
from lolomo.events.journal_reading import Journal
from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.bentos.front import PageAnswer
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.replaying import replay
from lolomo.serving.steps import Resources

EXPLORATION = "top_picks=thompson(temperature=0.1)"


@dataclass
class UnsureRanker(FakeRanker):
    """Sure of all titles but those whose number ends in 7."""

    def rank_with_factors(self, query: Query) -> tuple[Scores, Factors]:
        scores = self.rank(query)
        unsure = np.array(
            [[str(item).endswith("7") for item in row] for row in query["candidates"]]
        )
        return scores, np.asarray(100.0 * unsure[:, None], np.float32)


def thompson(front: Front, ranker: FakeRanker, folder: Path) -> Front:
    champion = replace(front.resources.champions["top_picks"], recommender=ranker)
    resources = replace(
        front.resources,
        champions={**front.resources.champions, "top_picks": champion},
        policies=policies_from(EXPLORATION),
    )
    exploring = Front(resources, front.clock, 5.0, journal=Recorder(JournalWriter(folder)))
    exploring.exploration = EXPLORATION
    return exploring


def pages(front: Front, num: int) -> list[PageAnswer]:
    async def serve() -> list[PageAnswer]:
        await front.open()
        made = [await front.page(PageRequest(user_id="ann")) for _ in range(num)]
        await front.close()
        return made

    return asyncio.run(serve())


@pytest.fixture
def explored(front: Front, tmp_path: Path) -> tuple[list[PageAnswer], Resources]:
    exploring = thompson(front, UnsureRanker("next_play_score"), tmp_path)
    return pages(exploring, 30), exploring.resources


def test_titles_that_the_ranker_is_unsure_of_move_and_others_do_not(
    explored: tuple[list[PageAnswer], Resources],
) -> None:
    rows = [next(row for row in page.rows if row.task == "top_picks") for page in explored[0]]
    assert all(row.policy_id.startswith("thompson@") for row in rows)
    first = {row.entries[0]["item_id"] for row in rows}
    unsure = {item for item in first if item.endswith("7")}
    assert unsure
    assert 0 < len(first - unsure) < 4
    assert all(len(row.propensity_errors) == len(row.entries) for row in rows)


def test_the_journal_has_the_errors_and_a_replay_is_exact(
    explored: tuple[list[PageAnswer], Resources], tmp_path: Path
) -> None:
    records = Journal(tmp_path).latest(5)
    for record in records:
        slots = [slot for slot in record["slots"] if slot["task"] == "top_picks"]
        assert all(0 < slot["propensity"] <= 1 for slot in slots)
        assert any(slot["propensity_error"] > 0 for slot in slots)
        assert replay(record, explored[1]).differences == ()
    other = [slot for slot in records[0]["slots"] if slot["task"] != "top_picks"]
    assert {slot["propensity_error"] for slot in other} == {None}


def test_a_ranker_without_a_posterior_is_said_to_have_none(front: Front, tmp_path: Path) -> None:
    exploring = thompson(front, FakeRanker("next_play_score"), tmp_path)
    page = pages(exploring, 1)[0]
    assert page.degraded["top_picks"] == "no-posterior"
    assert page.rows[0].release == "d" * 64
    assert page.rows[0].propensity_errors == ()
    (record,) = Journal(tmp_path).latest(1)
    assert replay(record, exploring.resources).differences == ()


def test_a_generators_row_is_said_to_have_no_posterior(front: Front, tmp_path: Path) -> None:
    policies = policies_from("trending_now=thompson()")
    exploring = Front(replace(front.resources, policies=policies), front.clock, 5.0)
    page = pages(exploring, 1)[0]
    assert page.degraded == {"trending_now": "no-posterior"}


def test_a_row_that_no_ranker_ordered_is_not_explored(front: Front, tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError

    exploring = thompson(front, UnsureRanker("next_play_score", fail=fail), tmp_path)
    row = next(row for row in pages(exploring, 1)[0].rows if row.task == "top_picks")
    assert (row.release, row.policy_id, row.propensity) == ("", "greedy", 1.0)
