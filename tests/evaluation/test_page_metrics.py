"""Page metrics, held against values worked out by hand."""

import numpy as np
import pytest

from lolomo.core.errors import DataError
from lolomo.evaluation.page import page_recall

PAGES = [[["a", "b", "c"], ["d", "e"], ["f"]], [["g"], ["h", "i"]], [["j"]]]
TARGETS = [["b", "f", "missing"], ["i"], []]


def test_recall_by_row_and_column_is_that_worked_out_by_hand() -> None:
    expected = [[0.0, 1 / 6, 1 / 6], [0.0, 2 / 3, 2 / 3], [1 / 6, 5 / 6, 5 / 6]]
    np.testing.assert_allclose(page_recall(PAGES, TARGETS, 3, 3), expected)


def test_it_never_falls_to_the_right_or_downwards() -> None:
    recall = page_recall(PAGES, TARGETS)
    assert recall.shape == (10, 20)
    assert (np.diff(recall, axis=0) >= 0).all()
    assert (np.diff(recall, axis=1) >= 0).all()


def test_a_target_that_stands_twice_counts_once() -> None:
    assert page_recall([[["a"], ["a"]]], [["a"]], 2, 1).tolist() == [[1.0], [1.0]]


def test_without_targets_it_says_nothing() -> None:
    assert np.isnan(page_recall([[["a"]]], [[]], 1, 1)).all()


def test_pages_and_targets_must_be_as_many() -> None:
    with pytest.raises(DataError, match="1 pages and 2 lists"):
        page_recall([[]], [["a"], ["b"]])
