"""Slices: for whom, and for what, does a model do well?

A mean hides that a model may serve its regulars and fail everybody else. `traits` says of each
query to which groups it belongs, from what was known before it; `slices` gives a model's figures in
each group, with intervals over users.

* `history`: how many interactions the user had before the query.
* `popularity`: how often the target was watched before the window: `head` items make up the first
  half of all interactions, `mid` those until 80 %, `tail` the rest. Of several targets, the most
  popular counts.
* `new item`: whether a target was first watched within `NEW_ITEM_DAYS` before the query.
* `days since the cut`: how far a model that was fitted at the cut extrapolates.
* `device`, `country`: as the request says, where it does.
* `query_kind`: how the query of a search was made.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.evaluation.bootstrap import DEFAULT, Bootstrap, num_clusters, summarise
from lolomo.evaluation.folds import Fold
from lolomo.evaluation.queries import NUM_PLAYS, item_counts
from lolomo.evaluation.seen import seen_items

NEW_ITEM_DAYS: Final = 14
HISTORY_BREAKS: Final = (2, 5, 20, 50)
DAYS_BREAKS: Final = (1, 3, 7, 14, 28)
HEAD_SHARE: Final = 0.5
MID_SHARE: Final = 0.8
CONTEXT: Final = (Columns.DEVICE, Columns.COUNTRY, Columns.QUERY_KIND)

_QUERY, _ITEM = Columns.QUERY_ID, Columns.ITEM_ID


def traits(queries: pl.DataFrame, events: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Return the groups of each query.

    Args:
        queries: What `build_queries` returned, or anything with its columns; columns of
            `CONTEXT` are taken over if they are there.
        events: The table that the fold was cut from.
        fold: The window of the queries.

    Returns:
        query_id and a text column a trait, null where it is unknown.
    """
    seen = seen_items(events, queries)
    asked = pl.col(Columns.TIMESTAMP)
    days = (asked - fold.start).dt.total_microseconds() / 86_400_000_000
    table = queries.select(
        _QUERY,
        pl.when(pl.col(Columns.USER_ID) != "")
        .then(_binned(pl.Series(seen.stops - seen.starts), HISTORY_BREAKS))
        .alias("history"),
        days.alias("days"),
        *(name for name in CONTEXT if name in queries.columns),
    ).with_columns(_binned(pl.col("days").floor(), DAYS_BREAKS).alias("days since the cut"))
    return table.drop("days").join(
        _of_targets(queries, events, fold), on=_QUERY, how="left", maintain_order="left"
    )


def slices(
    per_query: pl.DataFrame,
    groups: pl.DataFrame,
    metrics: Sequence[str] = ("ndcg@10",),
    bootstrap: Bootstrap = DEFAULT,
) -> pl.DataFrame:
    """Return a model's figures in each group.

    Args:
        per_query: What `query_metrics` returned.
        groups: What `traits` returned for the same queries.
        metrics: Names of metrics that the table has.
        bootstrap: How intervals are made.

    Returns:
        A row a trait, group and metric: trait, group, num_queries, num_clusters, metric, mean, low
        and high; traits that are nowhere known are left out.
    """
    table = per_query.join(groups, on=_QUERY, how="left", maintain_order="left")
    rows = []
    for trait in groups.columns[1:]:
        known = table.filter(pl.col(trait).is_not_null())
        for (group,), part in known.sort(trait).group_by(trait, maintain_order=True):
            start = {
                "trait": trait,
                "group": group,
                "num_queries": len(part),
                "num_clusters": num_clusters(part),
            }
            for metric, interval in summarise(part, metrics, bootstrap).items():
                ends = {"mean": interval.mean, "low": interval.low, "high": interval.high}
                rows.append({**start, "metric": metric, **ends})
    return pl.DataFrame(rows, schema=_SCHEMA)


_SCHEMA = {
    "trait": pl.String(),
    "group": pl.String(),
    "num_queries": pl.Int64(),
    "num_clusters": pl.Int64(),
    "metric": pl.String(),
    "mean": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}


def _of_targets(queries: pl.DataFrame, events: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Return whether each query's targets are popular, and whether one is new."""
    counts = item_counts(events, fold).sort(NUM_PLAYS, _ITEM, descending=[True, False])
    plays = pl.col(NUM_PLAYS)
    before = (plays.cum_sum() - plays) / plays.sum()
    counts = counts.with_columns(
        pl.when(before < HEAD_SHARE)
        .then(0)
        .when(before < MID_SHARE)
        .then(1)
        .otherwise(2)
        .alias("p")
    )
    first = (
        events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        .group_by(_ITEM)
        .agg(pl.col(Columns.TIMESTAMP).min().alias("first"))
    )
    age = pl.col(Columns.TIMESTAMP) - pl.col("first")
    return (
        queries.select(_QUERY, Columns.TIMESTAMP, pl.col(Columns.TARGETS).alias(_ITEM))
        .explode(_ITEM)
        .join(counts, on=_ITEM, how="left")
        .join(first, on=_ITEM, how="left")
        .group_by(_QUERY)
        .agg(
            pl.col("p").min().replace_strict({0: "head", 1: "mid", 2: "tail"}).alias("popularity"),
            pl.when((age <= pl.duration(days=NEW_ITEM_DAYS)).any())
            .then(pl.lit("new"))
            .otherwise(pl.lit("known"))
            .alias("new item"),
        )
    )


def _binned(values: pl.Expr | pl.Series, breaks: Sequence[int]) -> pl.Expr:
    """Return text that says between which breaks whole numbers lie, such as `05-19`.

    Numbers have equally many digits, so that the order of texts is that of numbers.
    """
    number = pl.lit(values) if isinstance(values, pl.Series) else values
    width = len(str(breaks[-1]))
    edges = [0, *breaks]
    said = pl.lit(f"{breaks[-1]}+")
    for low, high in reversed(list(zip(edges, breaks, strict=False))):
        text = f"{low:0{width}}" + (f"-{high - 1:0{width}}" if high - 1 > low else "")
        said = pl.when(number < high).then(pl.lit(text)).otherwise(said)
    return said
