"""`lolomo ope journal`: from what was served and done to an answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import DataError, SettingsError
from lolomo.core.policy import PlackettLuce, Thompson
from lolomo.core.reward import ENJOYMENT_V1
from lolomo.core.settings import Settings
from lolomo.evaluation.off_policy import Estimate
from lolomo.operations.off_policy import judge_journal, read_journal

NUM, ITEMS, START = 600, ["a", "b", "c"], datetime(2026, 1, 1, tzinfo=UTC)
LOGGING, TARGET = PlackettLuce(1.0), PlackettLuce(0.8)
SCORES = np.array([0.5, 0.2, -0.2])


@pytest.fixture(scope="module")
def served() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A journal whose first title is watched if it is `a`, half of the way."""
    rng = np.random.default_rng(5)
    rankings = LOGGING.rankings(np.tile(SCORES, (NUM, 1)), 2, rng)
    scored = {"task": "top_picks", "item_ids": ITEMS, "scores": SCORES.tolist()}
    rows: list[dict[str, Any]] = []
    done: list[dict[str, Any]] = []
    for number, ranking in enumerate(rankings):
        request = {"request_id": f"r{number}", "user_id": f"u{number % 200}"}
        chances = LOGGING.propensities(SCORES, ranking)
        slots = [
            {"row": 1, "position": place + 1, "task": "top_picks", "item_id": ITEMS[item]}
            | {"propensity": float(chance)}
            for place, (item, chance) in enumerate(zip(ranking, chances, strict=True))
        ]
        rows.append({**request, "slots": slots, "rankings": [scored], "proposals": [scored]})
        if ranking[0] == 0:
            when = {"timestamp": START + timedelta(minutes=number), "value": None, "progress": 0.5}
            done.append({**request, "item_id": "a", "kind": "play", **when})
    events = pl.DataFrame(done, schema_overrides={"value": pl.Float64})
    return pl.DataFrame(rows), events


def test_the_journal_is_judged_by_plays_unless_told(
    served: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    answer = judge_journal(*served, ("top_picks", TARGET))
    truth = TARGET.propensities(SCORES, np.array([0]))[0]
    for outcome in answer.outcomes:
        assert isinstance(outcome, Estimate)
        assert outcome.interval.low < truth < outcome.interval.high
    assert "interaction@v1" in answer.question


def test_another_reward_is_another_answer(served: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    plays = judge_journal(*served, ("top_picks", TARGET))
    enjoyed = judge_journal(*served, ("top_picks", TARGET), ENJOYMENT_V1)
    assert enjoyed.logged == pytest.approx(0.5 * plays.logged)


def test_a_policy_that_can_only_estimate_its_propensities_is_no_target(
    served: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    with pytest.raises(SettingsError, match="can only estimate"):
        judge_journal(*served, ("top_picks", Thompson()))


def test_a_journal_of_nothing_is_refused(tiny: Settings) -> None:
    with pytest.raises(DataError, match="is empty"):
        read_journal(tiny, "tiny")
