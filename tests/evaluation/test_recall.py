import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.evaluation.recall import candidate_recall, found_targets

QUERIES = pl.DataFrame(
    {
        "query_id": ["1", "2", "3"],
        "cluster": ["u", "u", "v"],
        "targets": [["a", "b"], ["c"], ["d"]],
    }
)
POPULAR = np.array([["a", "c"], ["a", "c"], ["a", ""]], object)
SIMILAR = np.array([["b", "x"], ["c", "x"], ["", ""]], object)
MERGED = np.array([["a", "b", ""], ["c", "a", "x"], ["a", "", ""]], object)


def test_each_target_is_looked_for_in_its_own_list() -> None:
    assert found_targets(QUERIES, POPULAR).tolist() == [True, False, True, False]


def test_what_only_one_source_finds_is_credited_to_it() -> None:
    report = candidate_recall(QUERIES, {"popular": POPULAR, "similar": SIMILAR}, MERGED)
    by_source = {row["source"]: row for row in report.sources.to_dicts()}
    assert by_source["popular"]["recall"] == by_source["similar"]["recall"] == 0.5
    assert by_source["popular"]["only_here"] == by_source["similar"]["only_here"] == 0.25
    assert by_source["merged"]["recall"] == 0.75
    assert by_source["merged"]["only_here"] is None
    assert [by_source[name]["num_candidates"] for name in by_source] == pytest.approx(
        [5 / 3, 4 / 3, 2.0]
    )


def test_the_merged_figure_is_a_mean_over_queries_with_an_interval_over_users() -> None:
    recall = candidate_recall(QUERIES, {}, MERGED).recall
    assert recall.mean == pytest.approx(2 / 3)
    assert (recall.low, recall.high) == pytest.approx((0.0, 1.0))


def test_lists_that_do_not_match_the_queries_are_refused() -> None:
    with pytest.raises(DataError, match="similar"):
        candidate_recall(QUERIES, {"similar": SIMILAR[:2]}, MERGED)
