import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import SettingsError
from lolomo.evaluation import parse_metric, query_metrics
from lolomo.evaluation.metrics import IPW_WEIGHT

ITEMS = [f"i{n:02}" for n in range(40)]
COUNTS = pl.DataFrame({"item_id": ITEMS, "num_plays": [(n + 1) ** 2 for n in range(40)]})


def judged(
    ranks: Sequence[Sequence[int | None]],
    gains: list[list[float]] | None = None,
    targets: list[list[str]] | None = None,
) -> pl.DataFrame:
    """Return judgements with the given ranks a query."""
    num = len(ranks)
    return pl.DataFrame(
        {
            "query_id": range(num),
            "user_id": [f"u{n}" for n in range(num)],
            "timestamp": range(num),
            "cluster": [f"u{n}" for n in range(num)],
            "targets": targets or [ITEMS[: len(row)] for row in ranks],
            "target_ranks": ranks,
            "gains": gains or [[1.0] * len(row) for row in ranks],
            "top_item_ids": [ITEMS for _ in ranks],
        },
        schema_overrides={
            "targets": pl.List(pl.String),
            "target_ranks": pl.List(pl.Int64),
            "gains": pl.List(pl.Float64),
            "top_item_ids": pl.List(pl.String),
        },
    )


@pytest.mark.parametrize(
    ("metric", "ranks", "expected"),
    [
        ("hr@10", [10], 1.0),
        ("hr@10", [11], 0.0),
        ("hr@2", [None, 2], 1.0),
        ("ndcg@10", [1], 1.0),
        ("ndcg@10", [3], 0.5),
        ("ndcg@10", [None], 0.0),
        ("ndcg@10", [2, 1], 1.0),
        ("ndcg@1", [1, 2], 1.0),
        ("ndcg@10", [1, None], 1 / (1 + 1 / math.log2(3))),
        ("mrr", [None, 4, 8], 0.25),
        ("mrr", [None], 0.0),
        ("recall@20", [20, 21, None, 1], 0.5),
    ],
)
def test_a_query_scores_what_is_computed_by_hand(
    metric: str, ranks: list[int | None], expected: float
) -> None:
    assert query_metrics(judged([ranks]), [metric], COUNTS)[metric][0] == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_graded_ndcg_equals_that_of_scikit_learn(k: int) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    gains = [rng.integers(1, 30, rng.integers(1, 12)).astype(float).tolist() for _ in range(50)]
    ranks = [(rng.permutation(40)[: len(row)] + 1).tolist() for row in gains]
    ours = query_metrics(judged(ranks, gains), [f"ndcg@{k}"], COUNTS)[f"ndcg@{k}"].to_list()
    for row_ranks, row_gains, value in zip(ranks, gains, ours, strict=True):
        truth = np.zeros((1, 40))
        truth[0, np.array(row_ranks) - 1] = row_gains
        expected = reference.ndcg_score(truth, -np.arange(40.0)[None], k=k)
        assert value == pytest.approx(expected)


def test_propensity_weights_are_of_the_root_of_popularity_clipped_at_their_99th_percentile() -> (
    None
):
    targets = [[ITEMS[n % 40 if n < 40 else 39]] for n in range(400)]
    table = query_metrics(judged([[1]] * 400, targets=targets), ["ipw_ndcg@10"], COUNTS)
    # sqrt(f) is n + 1 here, so 1/p = (1 + ... + 40) / (n + 1).
    expected = np.array([820 / (n % 40 + 1 if n < 40 else 40) for n in range(400)])
    clipped = np.minimum(expected, np.quantile(expected, 0.99))
    assert clipped.max() < expected.max()
    np.testing.assert_allclose(table[IPW_WEIGHT], clipped)


def test_coverage_keeps_the_first_k_items_and_how_many_compete() -> None:
    table = query_metrics(judged([[1]]), ["coverage@3"], COUNTS)
    assert table["coverage@3"].to_list() == [ITEMS[:3]]
    assert table["num_items"].to_list() == [40]


def test_no_queries_give_an_empty_table_with_every_column() -> None:
    names = ["ndcg@10", "mrr", "ipw_ndcg@10", "coverage@10", "hr@5", "recall@5"]
    table = query_metrics(judged([]), names, COUNTS)
    assert table.is_empty()
    assert {*names, IPW_WEIGHT} <= set(table.columns)


@pytest.mark.parametrize(
    "text", ["", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@ten", "mrr@10", "auc", "coverage@101"]
)
def test_an_unknown_metric_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=f"metric (is called )?'{text}'"):
        parse_metric(text)


@pytest.mark.parametrize("text", ["ndcg@10", "mrr", "ipw_ndcg@5", "coverage@100", "recall@20"])
def test_a_metric_is_written_as_it_is_parsed(text: str) -> None:
    assert parse_metric(text).label == text
