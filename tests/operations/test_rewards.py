"""`lolomo report reward`: what changes, in words and on events."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from click.testing import CliRunner

from lolomo.cli.report import report
from lolomo.core.errors import SettingsError
from lolomo.core.reward import ENJOYMENT, ENJOYMENT_V1, INTERACTION, SATISFACTION
from lolomo.operations.rewards import compare_rewards, find_reward

NUM = 40
EVENTS = pl.DataFrame(
    {
        "user_id": [f"u{row % 5}" for row in range(NUM)],
        "item_id": [f"i{row % 8}" for row in range(NUM)],
        "kind": ["play" if row % 3 else "complete" for row in range(NUM)],
        "timestamp": [
            datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=5 * row) for row in range(NUM)
        ],
        "value": pl.Series([None] * NUM, dtype=pl.Float64),
        "progress": [0.05 * (row % 8) for row in range(NUM)],
    }
)


def test_the_latest_version_is_found_unless_another_is_named() -> None:
    assert find_reward("enjoyment") is ENJOYMENT
    assert find_reward("enjoyment@v1") is ENJOYMENT_V1
    with pytest.raises(SettingsError, match="expected one of"):
        find_reward("enjoyment@v9")


def test_a_change_says_which_terms_came_and_went() -> None:
    change = compare_rewards(ENJOYMENT_V1, ENJOYMENT, EVENTS)
    assert change.removed == ("1 completion(at_least=0.1)",)
    assert change.added == ("0.1 novelty", "0.3 next_day_return", "0.6 completion(at_least=0.1)")
    assert change.num_waiting == 10
    assert change.gained > 0.0


def test_events_that_lose_their_worth_move_their_items() -> None:
    change = compare_rewards(INTERACTION, ENJOYMENT_V1, EVENTS)
    assert change.lost > 0.0
    assert change.gained == 0.0
    assert change.moved[0].old_place != change.moved[0].new_place


def test_the_same_reward_changes_nothing() -> None:
    change = compare_rewards(ENJOYMENT, ENJOYMENT, EVENTS)
    assert change.agreement == pytest.approx(1.0)
    assert change.lost == 0.0
    assert not change.moved


@pytest.mark.usefixtures("tiny")
def test_the_command_prints_both_references() -> None:
    words = ["reward", "satisfaction", "enjoyment@v2", "--dataset", "tiny"]
    done = CliRunner().invoke(report, words, catch_exceptions=False)
    assert SATISFACTION.reference in done.output
    assert "+ 0.3 next_day_return" in done.output
