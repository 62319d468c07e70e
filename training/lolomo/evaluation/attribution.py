"""Source attribution: of the targets among a ranker's candidates, whose proposals are they?

`recall` measures what sources propose; this measures what is left of it once proposals are merged
and cut, from the very candidates that a ranker was given. A source that finds nothing alone costs
candidates and gives nothing; one whose targets stand far down asks for a quota.

    table = source_attribution(prepared_queries, TOP_PICKS.candidates_from)
"""

from collections.abc import Sequence

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError

MERGED = "merged"
_PLACE = "_place"


def source_attribution(queries: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Return what each source contributes to the candidates of many queries.

    Args:
        queries: Prepared queries: `targets`, `candidates`, and of each source its
            `<source>_reciprocal_rank` of each candidate, 0 where it did not propose it.
        sources: Names of the sources.

    Returns:
        A row a source, and the merged list last: `source`; `recall`, the share of all targets that
        it proposed; `only_here`, the share that no other source proposed; `median_rank` of the
        targets it proposed, null for the merged list; `num_candidates`, the mean a query.

    Raises:
        DataError: If a column is missing.
    """
    ranks = [f"{source}_reciprocal_rank" for source in sources]
    missing = sorted({Columns.CANDIDATES, Columns.TARGETS, *ranks} - set(queries.columns))
    if missing:
        raise DataError(
            f"queries have no columns {missing}: expected prepared queries of a task that ranks "
            "what others propose; pass its own sources"
        )
    asked = queries.select(Columns.TARGETS, Columns.CANDIDATES, *ranks).with_row_index(_PLACE)
    lists = pl.col(Columns.CANDIDATES, *ranks)
    proposed = asked.select(_PLACE, lists).filter(pl.col(Columns.CANDIDATES).list.len() > 0)
    proposed = proposed.explode(Columns.CANDIDATES, *ranks)
    targets = asked.select(_PLACE, pl.col(Columns.TARGETS)).explode(Columns.TARGETS).drop_nulls()
    found = targets.join(
        proposed, left_on=[_PLACE, Columns.TARGETS], right_on=[_PLACE, Columns.CANDIDATES]
    )
    rows = [
        _row(source, rank, [other for other in ranks if other != rank], found, proposed)
        for source, rank in zip(sources, ranks, strict=True)
    ]
    rows.append((MERGED, len(found), 0, None, len(proposed)))
    names = ("source", "recall", "only_here", "median_rank", "num_candidates")
    table = pl.DataFrame(rows, schema=names, orient="row").cast({"median_rank": pl.Float64})
    return table.with_columns(
        pl.col("recall", "only_here") / max(len(targets), 1),
        pl.col("num_candidates") / max(len(queries), 1),
    )


def _row(
    source: str, rank: str, others: list[str], found: pl.DataFrame, proposed: pl.DataFrame
) -> tuple[str, int, int, float | None, int]:
    own = found.filter(pl.col(rank) > 0)
    alone = own.filter(
        pl.all_horizontal([pl.col(other) <= 0 for other in others] or [pl.lit(True)])
    )
    median = (1 / own[rank]).median()
    return (
        source,
        len(own),
        len(alone),
        float(median) if isinstance(median, int | float) else None,
        len(proposed.filter(pl.col(rank) > 0)),
    )
