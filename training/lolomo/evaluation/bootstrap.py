"""Intervals: how much would a figure change with other users?

Queries of one user (or one day) are not independent, so whole clusters are drawn. A resample is
how often each cluster is drawn, a multinomial count, and all resamples of a mean are one matrix
product. Both sides of a comparison see the same draws. Intervals are percentiles (Efron and
Tibshirani 1993).

With few clusters the intervals are too narrow. `coverage` of a resample is below that of the whole,
since it holds fewer distinct clusters: the interval of coverage may lie below its figure.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.evaluation.metrics import NUM_ITEMS, Metric, parse_metric
from lolomo.evaluation.queries import CLUSTER

NUM_RESAMPLES = 1000
SEED = 20260101

_RESAMPLES_AT_ONCE = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it lies with the given confidence; NaN throughout without a query."""

    mean: float
    low: float
    high: float

    @override
    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one model's figure differs from another's on the same queries."""

    metric: str
    difference: Interval
    ratio: float
    """First over second; NaN if the second is 0."""
    num_clusters: int


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are made."""

    num_resamples: int = NUM_RESAMPLES
    confidence: float = 0.95
    seed: int = SEED

    def interval(self, mean: float, draws: Floats) -> Interval:
        """Return a figure with the percentiles of its resamples."""
        if math.isnan(mean):
            return Interval(mean, math.nan, math.nan)
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.nanquantile(draws, (tail, 1.0 - tail))
        return Interval(mean, float(low), float(high))

    def draws(self, num_clusters: int) -> Iterator[Floats]:
        """Yield how often each cluster is drawn. Shape: [resamples, clusters] in all."""
        rng = np.random.default_rng(self.seed)
        share = np.full(num_clusters, 1.0 / num_clusters)
        for start in range(0, self.num_resamples, _RESAMPLES_AT_ONCE):
            num = min(_RESAMPLES_AT_ONCE, self.num_resamples - start)
            yield rng.multinomial(num_clusters, share, num).astype(float)


DEFAULT = Bootstrap()


def num_clusters(per_query: pl.DataFrame) -> int:
    """Return how many users, or days, a table of queries holds."""
    return per_query[CLUSTER].n_unique()


def summarise(
    per_query: pl.DataFrame, metrics: Sequence[str], bootstrap: Bootstrap = DEFAULT
) -> dict[str, Interval]:
    """Return each metric's figure with its interval.

    Args:
        per_query: What `query_metrics` returned.
        metrics: Names of metrics that the table has.
        bootstrap: How many resamples, at which confidence, from which seed.

    Raises:
        SettingsError: If a metric is unknown.
        DataError: If the table does not have it.
    """
    estimates = [_Estimate.of(per_query, name) for name in metrics]
    resampled = _resample(estimates, num_clusters(per_query), bootstrap)
    return {
        name: bootstrap.interval(estimate.whole, resampled[:, column])
        for column, (name, estimate) in enumerate(zip(metrics, estimates, strict=True))
    }


def paired_bootstrap(
    a: pl.DataFrame, b: pl.DataFrame, metric: str, bootstrap: Bootstrap = DEFAULT
) -> Comparison:
    """Compare `a` to `b` on the same queries, under the same draws.

    Raises:
        DataError: If they do not answer the same queries.
    """
    keys = [Columns.QUERY_ID, Columns.USER_ID, Columns.TIMESTAMP, CLUSTER]
    a, b = a.sort(Columns.QUERY_ID), b.sort(Columns.QUERY_ID)
    if not a.select(keys).equals(b.select(keys)):
        raise DataError(
            f"a comparison needs the same queries on both sides; received {len(a)} and {len(b)} "
            "that differ: judge both models on one table of queries"
        )
    estimates = [_Estimate.of(a, metric), _Estimate.of(b, metric)]
    clusters = num_clusters(a)
    resampled = _resample(estimates, clusters, bootstrap)
    difference = bootstrap.interval(
        estimates[0].whole - estimates[1].whole, resampled[:, 0] - resampled[:, 1]
    )
    ratio = estimates[0].whole / estimates[1].whole if estimates[1].whole else math.nan
    return Comparison(metric, difference, ratio, clusters)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A metric in the form that draws of clusters are applied to."""

    whole: float
    sums: Floats
    """Weighted sum a cluster of a mean. Shape: [clusters]."""
    weights: Floats
    """Sum of the weights a cluster. Shape: [clusters]."""
    appearances: "_Appearances | None" = None
    """What coverage is counted from, in place of sums."""

    @classmethod
    def of(cls, per_query: pl.DataFrame, name: str) -> "_Estimate":
        metric = parse_metric(name)
        if metric.label not in per_query.columns:
            raise DataError(
                f"metric {name!r} was not measured; the table has {per_query.columns}: name it in "
                "`query_metrics`"
            )
        codes = per_query[CLUSTER].rank("dense").cast(pl.Int64).to_numpy() - 1
        if metric.is_coverage:
            return cls._of_coverage(per_query, metric, codes)
        values = per_query[metric.label].to_numpy()
        weights = per_query[metric.weight].to_numpy() if metric.weight else np.ones(len(values))
        # A query for which the metric says nothing does not count.
        weights = np.where(np.isnan(values), 0.0, weights)
        sums = _total(codes, weights * np.nan_to_num(values))
        totals = _total(codes, weights)
        total = float(totals.sum())
        return cls(float(sums.sum()) / total if total else math.nan, sums, totals)

    @classmethod
    def _of_coverage(
        cls, per_query: pl.DataFrame, metric: Metric, codes: NDArray[np.int64]
    ) -> "_Estimate":
        lists = per_query.select(pl.Series("cluster", codes), pl.col(metric.label).alias("item"))
        pairs = lists.explode("item").drop_nulls().unique().sort("item")
        firsts = np.flatnonzero(
            (pairs["item"] != pairs["item"].shift(1)).fill_null(True).to_numpy()
        )
        num_items = per_query[NUM_ITEMS][0] if len(per_query) else 0
        whole = len(firsts) / num_items if num_items else math.nan
        found = _Appearances(pairs["cluster"].to_numpy(), firsts, num_items)
        return cls(whole, np.zeros(0), np.zeros(0), found)

    def resample(self, draws: Floats) -> Floats:
        """Return the figure under each draw. Shape: [resamples]."""
        if self.appearances is not None:
            return self.appearances.coverage(draws)
        weights = draws @ self.weights
        figures = np.full(len(draws), np.nan)
        np.divide(draws @ self.sums, weights, out=figures, where=weights > 0)
        return figures


@dataclass(frozen=True, slots=True)
class _Appearances:
    """Which clusters were shown which item, as pairs ordered by item."""

    clusters: NDArray[np.int64]
    """Shape: [pairs]."""
    firsts: NDArray[np.int64]
    """Where each item's pairs begin. Shape: [shown items]."""
    num_items: int

    def coverage(self, draws: Floats) -> Floats:
        if not len(self.firsts):
            return np.zeros(len(draws))
        drawn = draws > 0
        shown = [np.logical_or.reduceat(row[self.clusters], self.firsts).sum() for row in drawn]
        return np.array(shown) / self.num_items


def _total(codes: NDArray[np.int64], values: Floats) -> Floats:
    return np.bincount(codes, values).astype(float)


def _resample(estimates: Sequence[_Estimate], clusters: int, bootstrap: Bootstrap) -> Floats:
    """Return every estimate under every draw. Shape: [resamples, estimates]."""
    if not clusters:
        return np.full((bootstrap.num_resamples, len(estimates)), np.nan)
    blocks = [
        np.stack([estimate.resample(draws) for estimate in estimates], axis=1)
        for draws in bootstrap.draws(clusters)
        if estimates
    ]
    return np.concatenate([*blocks, np.zeros((0, len(estimates)))])
