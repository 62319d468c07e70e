"""A page that was drawn by chance is drawn again by its replay."""

import asyncio
from dataclasses import replace
from pathlib import Path

from lolomo.core.policy import policies_from
from lolomo.events.journal_reading import Journal
from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.replaying import replay

EXPLORATION = "top_picks=plackett_luce(temperature=5.0)"


def test_a_replay_draws_the_same_titles_with_the_same_propensities(
    front: Front, tmp_path: Path
) -> None:
    resources = replace(front.resources, policies=policies_from(EXPLORATION))
    exploring = Front(resources, front.clock, 5.0, journal=Recorder(JournalWriter(tmp_path)))
    exploring.exploration = EXPLORATION

    async def serve() -> set[tuple[str, ...]]:
        await exploring.open()
        pages = [await exploring.page(PageRequest(user_id="ann")) for _ in range(5)]
        await exploring.close()
        return {tuple(entry["item_id"] for entry in page.rows[0].entries) for page in pages}

    assert len(asyncio.run(serve())) > 1
    for record in Journal(tmp_path).latest(5):
        assert record["exploration"] == EXPLORATION
        assert 0 < record["slots"][0]["propensity"] < 1
        assert replay(record, resources).differences == ()
