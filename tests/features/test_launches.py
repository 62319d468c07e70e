import numpy as np
import pytest

from lolomo.features.launches import POSITION, exploration_scores, is_launch, with_launch

ROW = [f"i{place}" for place in range(8)]


@pytest.mark.parametrize(
    ("plays", "release_year", "expected"),
    [
        (0, 1950, True),
        (np.nan, np.nan, True),
        (5, 2013, True),
        (5, 2014, True),
        (6, 2013, False),
        (1, 2012, False),
        (1, np.nan, False),
    ],
)
def test_a_launch_has_no_events_or_few_in_its_year(
    plays: float, release_year: float, expected: bool
) -> None:
    assert is_launch(np.array([plays]), np.array([release_year]), 2013).tolist() == [expected]


def test_between_equal_tastes_the_less_known_launch_comes_first() -> None:
    scores = exploration_scores(np.array([0.3, 0.3, 0.3]), np.array([4.0, np.nan, 1.0]))
    assert np.argsort(-scores).tolist() == [1, 2, 0]


def test_a_far_better_fit_beats_the_bonus_once_all_are_known() -> None:
    scores = exploration_scores(np.array([0.9, 0.1]), np.array([5.0, 4.0]))
    assert scores[0] > scores[1]


def test_the_best_launch_gets_its_place_and_nothing_else_moves() -> None:
    row = with_launch(ROW, ["new", "newer"])
    assert row[POSITION] == "new"
    assert [item for item in row if item != "new"] == ROW[:-1]


@pytest.mark.parametrize(
    ("row", "launches", "expected"),
    [
        (ROW, [], ROW),
        (ROW[:POSITION], ["new"], ROW[:POSITION]),
        (ROW, ["i6", "i1"], ROW),
        (ROW, ["i6"], ["i0", "i1", "i2", "i3", "i6", "i4", "i5", "i7"]),
    ],
)
def test_a_row_is_left_alone_where_it_has_a_launch_or_no_room(
    row: list[str], launches: list[str], expected: list[str]
) -> None:
    assert with_launch(row, launches) == expected
