"""Metrics of one query, by name: how well is it answered?

Names are `name` or `name@k`, such as `ndcg@10`. All but `coverage` are a number a query, and their
figure is a mean over the queries for which it is defined; `ipw_ndcg` and `reward_ndcg` are weighted
means, and `coverage` belongs to a whole set of queries. What describes the shown lists, whatever
the targets, is in `lists`.

* `hr@k`: 1 if any target is among the first k.
* `recall@k`: the share of the targets among the first k.
* `mrr`: reciprocal rank of the best target.
* `ndcg@k`: discounted gain over the best possible (Järvelin and Kekäläinen 2002), linear in gain.
* `ipw_ndcg@k`: the same, debiased of popularity: each query weighted by 1/p, p = sqrt(f) / sum
  sqrt(f), f = interactions with the target before the window; weights clipped at their 99th
  percentile and self-normalised (Swaminathan and Joachims 2015). With several targets a query
  weighs the gain-weighted mean of theirs.
* `reward_ndcg@k`: the same with the reward of each target as its gain, and each query weighted by
  the mean reward of its targets, so that to rank first what was rated 1 of 10 is no success.
* `page_recall@RxC`: of the titles that were played from a page, the share that stands in the first
  R rows and C columns once its rows are in the judged order.
* `dr`, `ips`, `snips`: see `pitches`.
* `logged_plays`: plays a row, off-policy, from a log with propensities; a gate asks for it.
* `coverage@k`: distinct items among all first k, over the items known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import SettingsError
from lolomo.evaluation.genres import Genres
from lolomo.evaluation.judging import NUM_TOP, TARGET_RANKS, TOP_ITEM_IDS
from lolomo.evaluation.lists import MEASURES, Lists
from lolomo.evaluation.page_queries import TARGET_COLUMNS
from lolomo.evaluation.queries import CLUSTER, NUM_PLAYS
from lolomo.evaluation.seen import SeenItems

IPW_WEIGHT = "ipw_weight"
"""Column of the weights that every `ipw_` metric is averaged with."""
REWARD_WEIGHT = "reward_weight"
"""Column of the weights that every `reward_` metric is averaged with."""
POLICY_WEIGHT = "policy_weight"
"""Column of the importance weights that `snips` is averaged with."""
NUM_ITEMS = "num_items"
"""Column that says how many items compete, for coverage."""
CLIP_QUANTILE = 0.99
PAGE_RECALL = "page_recall"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """A parsed metric name."""

    name: str
    k: int | None = None
    columns: int | None = None
    """How many columns of the first `k` rows, for a metric of pages."""

    @property
    def label(self) -> str:
        """The name as it is written: `ndcg@10`."""
        columns = "" if self.columns is None else f"x{self.columns}"
        return self.name if self.k is None else f"{self.name}@{self.k}{columns}"

    @property
    def weight(self) -> str:
        """Column that queries count by; "" if all count alike."""
        return next((name for start, name in _WEIGHTS.items() if self.name.startswith(start)), "")

    @property
    def is_coverage(self) -> bool:
        """Whether it belongs to a set of queries and not to one."""
        return self.name == "coverage"


@dataclass(frozen=True, slots=True)
class _Targets:
    """The targets of all queries, flat."""

    rows: NDArray[np.int64]
    ranks: Floats
    """Infinite where missed."""
    gains: Floats
    num_queries: int

    def total(self, values: Floats) -> Floats:
        """Return the sum of values a query. Shape: [queries]."""
        return np.bincount(self.rows, values, self.num_queries).astype(float)


def parse_metric(text: str) -> Metric:
    """Return the metric of a name.

    Raises:
        SettingsError: If there is no such metric, or its k is missing, superfluous or too large.

    >>> parse_metric("ndcg@10").k
    10
    """
    name, at, cutoff = text.partition("@")
    if name in _NO_K and not at:
        return Metric(name)
    rows, by, columns = cutoff.partition("x")
    if name == PAGE_RECALL and by and rows.isdecimal() and columns.isdecimal():
        return Metric(name, int(rows), int(columns))
    if name in _NEED_K and cutoff.isdecimal() and int(cutoff) > 0:
        k = int(cutoff)
        if (name == "coverage" or name in MEASURES) and k > NUM_TOP:
            raise SettingsError(f"metric {text!r} asks for more than the {NUM_TOP} items kept")
        return Metric(name, k)
    raise SettingsError(
        f"no metric is called {text!r}; expected one of {sorted(_NO_K)}, `page_recall@2x4`, or "
        f"one of {sorted(_NEED_K)} with a positive cut-off, as in `ndcg@10`"
    )


def query_metrics(
    judgements: pl.DataFrame,
    metrics: Sequence[str],
    item_counts: pl.DataFrame,
    genres: Genres | None = None,
    seen: SeenItems | None = None,
) -> pl.DataFrame:
    """Return the metrics of each query.

    Args:
        judgements: What `Judgements.table` returned.
        metrics: Names of metrics.
        item_counts: What `queries.item_counts` returned for the fold.
        genres: What `Genres.of` returned for the catalogue, for the metrics of genres.
        seen: What `seen_items` returned for the same queries, for calibration.

    Returns:
        query_id, user_id, timestamp and cluster, a column a metric (for coverage the list of the
        first k items), the weights that metrics need, and `num_items`.

    Raises:
        SettingsError: If a metric is unknown, or what it needs was not given.
    """
    parsed = [parse_metric(name) for name in metrics]
    targets = _flatten(judgements)
    rewarded = _flatten(judgements, Columns.REWARDS) if _need(parsed, REWARD_WEIGHT) else targets
    lists = Lists(judgements, item_counts, genres, seen)
    columns = {
        metric.label: pl.Series(lists.measure(metric.name, metric.k or 0))
        if metric.name in MEASURES
        else _column(metric, judgements, rewarded if metric.weight == REWARD_WEIGHT else targets)
        for metric in parsed
    }
    if _need(parsed, IPW_WEIGHT):
        columns[IPW_WEIGHT] = pl.Series(_ipw_weights(judgements, targets, item_counts))
    if _need(parsed, REWARD_WEIGHT):
        counts = rewarded.total(np.ones(len(rewarded.rows)))
        columns[REWARD_WEIGHT] = pl.Series(_divide(rewarded.total(rewarded.gains), counts))
    table = judgements.select(Columns.QUERY_ID, Columns.USER_ID, Columns.TIMESTAMP, CLUSTER)
    table = table.with_columns(**columns)
    return table.with_columns(pl.lit(len(item_counts), pl.Int64).alias(NUM_ITEMS))


def _need(metrics: Sequence[Metric], weight: str) -> bool:
    return any(metric.weight == weight for metric in metrics)


def _flatten(judgements: pl.DataFrame, worth: str = Columns.GAINS) -> _Targets:
    """Return the targets, each as much worth as a column says."""
    if worth not in judgements.columns:
        raise SettingsError(
            f"a metric needs the column {worth!r} of queries; received {judgements.columns}: make "
            "them with `build_queries`, or leave the metric out"
        )
    lengths = judgements[TARGET_RANKS].list.len().to_numpy()
    ranks = judgements[TARGET_RANKS].explode(empty_as_null=False)
    gains = judgements[worth].explode(empty_as_null=False)
    return _Targets(
        rows=np.repeat(np.arange(len(judgements)), lengths),
        ranks=ranks.cast(pl.Float64).fill_null(np.inf).to_numpy(),
        gains=gains.cast(pl.Float64).to_numpy(),
        num_queries=len(judgements),
    )


def _column(metric: Metric, judgements: pl.DataFrame, targets: _Targets) -> pl.Series:
    if metric.is_coverage:
        return judgements[TOP_ITEM_IDS].list.head(metric.k or 0)
    if metric.k is None:
        return pl.Series(_reciprocal_rank(targets))
    if metric.columns is not None:
        return _page_recall(judgements, metric.k, metric.columns)
    return pl.Series(_NUMBERS[metric.name](targets, metric.k))


def _reciprocal_rank(targets: _Targets) -> Floats:
    best = np.full(targets.num_queries, np.inf)
    np.minimum.at(best, targets.rows, targets.ranks)
    return 1.0 / best


def _hit_rate(targets: _Targets, k: int) -> Floats:
    return (targets.total((targets.ranks <= k).astype(float)) > 0).astype(float)


def _recall(targets: _Targets, k: int) -> Floats:
    hits = targets.total((targets.ranks <= k).astype(float))
    return _divide(hits, targets.total(np.ones(len(targets.rows))))


def _page_recall(judgements: pl.DataFrame, rows: int, columns: int) -> pl.Series:
    """Return the share of the played titles within the first rows and columns. [queries]."""
    played = judgements.select(
        Columns.QUERY_ID,
        pl.col(TARGET_RANKS),
        pl.col(TARGET_COLUMNS),
    ).explode(TARGET_RANKS, TARGET_COLUMNS)
    within = pl.element() <= columns
    found = pl.when(pl.col(TARGET_RANKS) <= rows).then(
        pl.col(TARGET_COLUMNS).list.eval(within.cast(pl.Int64)).list.sum()
    )
    total = pl.col(TARGET_COLUMNS).list.len().sum()
    return (
        played.group_by(Columns.QUERY_ID, maintain_order=True)
        .agg((found.fill_null(0).sum() / total).alias(PAGE_RECALL))
        .get_column(PAGE_RECALL)
    )


def _ndcg(targets: _Targets, k: int) -> Floats:
    order = np.lexsort((-targets.gains, targets.rows))
    firsts = np.searchsorted(targets.rows, np.arange(targets.num_queries))
    ideal_ranks = np.empty(len(order))
    ideal_ranks[order] = np.arange(len(order)) - firsts[targets.rows] + 1.0
    reached = targets.total(_discounted(targets.gains, targets.ranks, k))
    return _divide(reached, targets.total(_discounted(targets.gains, ideal_ranks, k)))


def _discounted(gains: Floats, ranks: Floats, k: int) -> Floats:
    return np.where(ranks <= k, gains / np.log2(1.0 + ranks), 0.0)


def _divide(values: Floats, by: Floats) -> Floats:
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)


def _ipw_weights(judgements: pl.DataFrame, targets: _Targets, item_counts: pl.DataFrame) -> Floats:
    roots = item_counts.select(Columns.ITEM_ID, pl.col(NUM_PLAYS).sqrt().alias("root"))
    item_ids = judgements[Columns.TARGETS].explode(empty_as_null=False).alias(Columns.ITEM_ID)
    joined = item_ids.to_frame().join(roots, on=Columns.ITEM_ID, how="left", maintain_order="left")
    # A target is always known by the protocol; one that is not weighs as if seen once.
    inverse = roots["root"].sum() / joined["root"].fill_null(1.0).to_numpy()
    weights = _divide(targets.total(targets.gains * inverse), targets.total(targets.gains))
    if not len(weights):
        return weights
    return np.minimum(weights, np.quantile(weights, CLIP_QUANTILE))


_NUMBERS: dict[str, Callable[[_Targets, int], Floats]] = {
    "hr": _hit_rate,
    "ipw_ndcg": _ndcg,
    "ndcg": _ndcg,
    "recall": _recall,
    "reward_ndcg": _ndcg,
}
_NO_K = frozenset({"mrr", "dr", "ips", "snips", "logged_plays"})
_NEED_K = frozenset({*_NUMBERS, *MEASURES, "coverage"})
_WEIGHTS = {"ipw_": IPW_WEIGHT, "reward_": REWARD_WEIGHT, "snips": POLICY_WEIGHT}
