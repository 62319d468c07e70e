"""From the journal to slates: candidates, propensities and what each slot earned."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.core.policy import Greedy, PlackettLuce
from lolomo.evaluation.off_policy import slates_of

POLICY = PlackettLuce(1.0)
SCORES = {"a": 1.0, "b": 0.5, "c": 0.0, "d": -0.5}


def slot(row: int, position: int, item: str, propensity: float | None = 0.5) -> dict[str, Any]:
    task = "continue_watching" if row == 1 else "top_picks"
    named = {"row": row, "position": position, "task": task, "item_id": item}
    return {**named, "propensity": propensity}


def scored(task: str, scores: dict[str, float]) -> dict[str, Any]:
    return {"task": task, "item_ids": list(scores), "scores": list(scores.values())}


def journal(*requests: list[dict[str, Any]]) -> pl.DataFrame:
    rows = [
        {
            "request_id": f"r{n}",
            "user_id": f"u{n}",
            "slots": slots,
            "rankings": [scored("top_picks", SCORES)],
            "proposals": [
                scored("top_picks", {"z": 1.0}),
                scored("continue_watching", {"a": 1.0, "b": 0.5}),
            ],
        }
        for n, slots in enumerate(requests)
    ]
    return pl.DataFrame(rows)


def rewarded(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, ["request_id", "item_id", "reward"], orient="row")


SERVED = journal(
    [slot(1, 1, "a", 1.0), slot(2, 1, "c", 0.3), slot(2, 2, "b", 0.7)], [slot(2, 1, "a", 0.9)]
)
WATCHED = rewarded(("r0", "b", 1.0), ("r0", "a", 1.0), ("r1", "d", 1.0))


def test_a_slot_earns_what_its_own_request_led_to() -> None:
    slates = slates_of(SERVED, WATCHED, "top_picks", POLICY)
    assert slates.rewards.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert slates.propensities.tolist() == [[0.3, 0.7], [0.9, 1.0]]
    assert slates.clusters is not None
    assert slates.clusters.tolist() == [0, 1]


def test_what_stands_on_the_page_above_is_no_candidate() -> None:
    slates = slates_of(SERVED, WATCHED, "top_picks", POLICY)
    left = np.array([SCORES[item] for item in "bcd"])
    expected = POLICY.propensities(left, np.array([1, 0]))
    assert slates.target_propensities[0] == pytest.approx(expected)
    everything = np.array(list(SCORES.values()))
    assert slates.target_propensities[1, 0] == POLICY.propensities(everything, np.array([0]))[0]


def test_a_row_that_nothing_ranks_is_drawn_from_what_was_proposed() -> None:
    slates = slates_of(SERVED, WATCHED, "continue_watching", POLICY)
    expected = POLICY.propensities(np.array([1.0, 0.5]), np.array([0]))
    assert slates.target_propensities.tolist() == [expected.tolist()]


def test_only_the_first_row_of_a_task_is_its_slate() -> None:
    twice = journal([slot(2, 1, "a"), slot(2, 2, "b"), slot(3, 1, "c")])
    assert slates_of(twice, WATCHED, "top_picks", POLICY).rewards.shape == (1, 2)


def test_a_short_list_is_filled_with_slots_that_change_nothing() -> None:
    slates = slates_of(SERVED, WATCHED, "top_picks", Greedy())
    assert slates.weights[1, 1] == 1.0
    assert slates.rewards[1, 1] == 0.0


def test_a_moved_title_has_no_propensity_and_is_refused() -> None:
    with pytest.raises(DataError, match="moved or dropped after sampling"):
        slates_of(journal([slot(2, 1, "a", None)]), WATCHED, "top_picks", POLICY)


def test_a_title_put_in_after_ranking_is_refused() -> None:
    with pytest.raises(DataError, match="no score for"):
        slates_of(journal([slot(2, 1, "new")]), WATCHED, "top_picks", POLICY)


def test_a_task_that_was_never_shown_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"never showed task 'search'.*top_picks"):
        slates_of(SERVED, WATCHED, "search", POLICY)
