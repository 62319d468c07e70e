"""Order within a row: scores alone, mirrored genres, unlike titles."""

import numpy as np
import pytest

from lolomo.serving.steps.rerank import divergence, greedy_order

SCORES = np.array([5.0, 4.9, 4.8, 4.7, 2.0, 1.0], np.float32)
GENRES = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], np.float64)
NOTHING = np.zeros(2)


def test_without_knobs_the_order_is_that_of_the_scores() -> None:
    assert greedy_order(SCORES[::-1], GENRES, NOTHING, 3).tolist() == [5, 4, 3]


@pytest.mark.parametrize(("calibration", "second"), [(0.0, 0), (0.5, 1), (0.9, 2)])
def test_calibration_brings_in_what_the_history_is_made_of(calibration: float, second: int) -> None:
    order = greedy_order(SCORES, GENRES, np.array([0.5, 0.5]), 4, calibration)
    assert (GENRES[order, 1]).sum() == second


def test_a_calibrated_row_is_nearer_to_the_history_than_the_best_scores() -> None:
    history = np.array([0.5, 0.5])
    rows = [greedy_order(SCORES, GENRES, history, 4, value) for value in (0.0, 0.9)]
    far, near = (divergence(GENRES[row].sum(axis=0)[None], history)[0] for row in rows)
    assert near < 0.01 < far


def test_diversity_takes_unlike_titles_first() -> None:
    assert greedy_order(SCORES, GENRES, NOTHING, 2, diversity=0.8).tolist() == [0, 4]


@pytest.mark.parametrize("shown", [[1.0, 1.0], [3.0, 3.0]])
def test_a_row_that_mirrors_the_history_has_no_divergence(shown: list[float]) -> None:
    assert divergence(np.array([shown]), np.array([0.5, 0.5]))[0] == pytest.approx(0.0)


@pytest.mark.parametrize("pool", [0, 1, 2])
def test_a_short_pool_is_a_short_row(pool: int) -> None:
    order = greedy_order(SCORES[:pool], GENRES[:pool], NOTHING, 5, 0.5, 0.5)
    assert sorted(order.tolist()) == list(range(pool))
