import math

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike

from lolomo.core.errors import DataError
from lolomo.evaluation import Bootstrap, num_clusters, paired_bootstrap, summarise


def measured(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    weights: list[float] | None = None,
    lists: list[list[str]] | None = None,
) -> pl.DataFrame:
    """Return a table as `query_metrics` does, one query a value."""
    num = len(np.asarray(values))
    names = clusters if clusters is not None else [f"u{n:04}" for n in range(num)]
    return pl.DataFrame(
        {
            "query_id": range(num),
            "user_id": names,
            "timestamp": range(num),
            "cluster": names,
            "ndcg@10": values,
            "ipw_ndcg@10": values,
            "ipw_weight": weights if weights is not None else [1.0] * num,
            "coverage@10": lists or [["a"]] * num,
            "num_items": [10] * num,
        },
        schema_overrides={"cluster": pl.String, "ndcg@10": pl.Float64},
    )


def test_an_interval_of_independent_queries_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).exponential(size=3000)
    interval = summarise(measured(values), ["ndcg@10"])["ndcg@10"]
    half = 1.96 * values.std() / math.sqrt(3000)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_queries_of_one_cluster_are_drawn_together() -> None:
    values = np.random.default_rng(0).random(100)
    names = [f"u{n:02}" for n in range(100)]
    single = summarise(measured(values, names), ["ndcg@10"])["ndcg@10"]
    tripled = summarise(measured(np.repeat(values, 9), np.repeat(names, 9)), ["ndcg@10"])["ndcg@10"]
    assert (tripled.low, tripled.high) == pytest.approx((single.low, single.high))


def test_a_weighted_metric_is_self_normalised_in_whole_and_in_each_draw() -> None:
    table = measured([1.0, 0.0, 0.0], weights=[2.0, 1.0, 1.0])
    interval = summarise(table, ["ipw_ndcg@10"])["ipw_ndcg@10"]
    assert interval.mean == 0.5
    assert 0.0 <= interval.low < interval.high <= 1.0


def test_coverage_counts_distinct_items_over_all_and_over_each_draw() -> None:
    lists = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]]
    table = measured([0.0] * 4, lists=lists)
    interval = summarise(table, ["coverage@10"])["coverage@10"]
    assert interval.mean == 0.5
    rng = np.random.default_rng(1)
    draws = [len({i for q in rng.integers(4, size=4) for i in lists[q]}) / 10 for _ in range(4000)]
    assert interval.low == pytest.approx(np.quantile(draws, 0.025), abs=0.001)
    assert interval.high == pytest.approx(np.quantile(draws, 0.975), abs=0.001)


def test_a_seed_fixes_the_interval_and_another_moves_it() -> None:
    table = measured(np.random.default_rng(0).random(50))
    first, second = (summarise(table, ["ndcg@10"], Bootstrap(seed=1)) for _ in range(2))
    assert first == second != summarise(table, ["ndcg@10"], Bootstrap(seed=2))


def test_a_paired_difference_is_far_narrower_than_the_intervals_it_compares() -> None:
    values = np.random.default_rng(0).random(200)
    a, b = measured(values + 0.01), measured(values)
    comparison = paired_bootstrap(a, b.sample(fraction=1.0, shuffle=True, seed=0), "ndcg@10")
    assert comparison.difference.low == pytest.approx(0.01)
    assert comparison.difference.high == pytest.approx(0.01)
    assert comparison.ratio == pytest.approx((values.mean() + 0.01) / values.mean())
    assert comparison.num_clusters == num_clusters(a) == 200


@pytest.mark.parametrize("other", [[0.1], [0.1, 0.2, 0.3]])
def test_models_judged_on_different_queries_are_not_compared(other: list[float]) -> None:
    with pytest.raises(DataError, match="same queries"):
        paired_bootstrap(measured([0.1, 0.2]), measured(other), "ndcg@10")


def test_a_metric_that_was_not_measured_is_named() -> None:
    with pytest.raises(DataError, match="'hr@10' was not measured"):
        summarise(measured([0.1]), ["hr@10"])


@pytest.mark.parametrize("metric", ["ndcg@10", "ipw_ndcg@10", "coverage@10"])
def test_without_queries_there_is_no_figure(metric: str) -> None:
    table = measured([0.1], weights=[1.0], lists=[["a"]])[:0]
    interval = summarise(table, [metric])[metric]
    assert math.isnan(interval.mean)
    assert str(interval) == "-"


def test_a_ratio_to_nothing_is_no_number() -> None:
    assert math.isnan(paired_bootstrap(measured([1.0]), measured([0.0]), "ndcg@10").ratio)
