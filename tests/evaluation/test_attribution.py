"""Source attribution, held against values worked out by hand."""

import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.evaluation.attribution import source_attribution

QUERIES = pl.DataFrame(
    {
        "targets": [["a"], ["x", "y"], ["missing"], []],
        "candidates": [["a", "b"], ["x", "b", "y"], ["c"], []],
        "popular_reciprocal_rank": [[1.0, 0.5], [0.0, 1.0, 0.25], [1.0], []],
        "similar_reciprocal_rank": [[0.1, 0.0], [0.5, 0.0, 0.0], [0.0], []],
    }
)


def test_each_source_gets_what_it_proposed_and_what_it_alone_did() -> None:
    table = source_attribution(QUERIES, ["popular", "similar"])
    assert table.rows() == [
        ("popular", 2 / 4, 1 / 4, 2.5, 5 / 4),
        ("similar", 2 / 4, 1 / 4, 6.0, 2 / 4),
        ("merged", 3 / 4, 0.0, None, 6 / 4),
    ]


def test_queries_without_candidates_are_refused() -> None:
    with pytest.raises(DataError, match="other_reciprocal_rank"):
        source_attribution(QUERIES, ["other"])
