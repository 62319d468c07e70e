"""What is said of rows and of titles beside their pitches."""

import numpy as np
import pytest

from lolomo.features.shown import genre_match, genre_profile, pitch_inputs, row_inputs

NAN = np.float32("nan")


@pytest.mark.parametrize(
    ("history", "genres", "expected"),
    [
        ([["Drama"], ["Drama", "War"]], ["Drama"], 0.75),
        ([["Drama"], ["Drama", "War"]], ["Drama", "War"], 0.5),
        ([["Drama"]], ["Crime"], 0.0),
        ([["Drama"]], [], 0.0),
        ([], ["Drama"], 0.0),
        ([[]], ["Drama"], 0.0),
    ],
)
def test_a_match_is_the_mean_share_of_the_genres_in_the_history(
    history: list[list[str]], genres: list[str], expected: float
) -> None:
    assert genre_match(genre_profile(history), genres) == pytest.approx(expected)


def test_a_row_is_the_mean_of_its_titles_and_nothing_where_it_has_none() -> None:
    plays = np.array([[[np.e - 1, NAN], [NAN, NAN]]], np.float32)
    match = np.array([[[0.2, NAN], [NAN, NAN]]], np.float32)
    said = row_inputs(plays, match)
    assert said["row_plays"][0].tolist() == pytest.approx([1.0, 0.0])
    assert said["row_match"][0].tolist() == pytest.approx([0.2, 0.0])


def test_every_pitch_is_told_the_same_of_its_title() -> None:
    values = np.array([0.5, NAN], np.float32)
    said = pitch_inputs(values, values, np.array([0.1, 0.2], np.float32), 4)
    assert {array.shape for array in said.values()} == {(2, 4)}
    assert all(np.ptp(array, axis=1).max() == 0 for array in said.values())
    assert said["shown_age"][1].tolist() == [0.0] * 4
