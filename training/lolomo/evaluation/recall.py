"""Candidate recall: how many targets do the proposals of several sources hold, and whose are they?

A ranker cannot show what was not proposed, so this is the ceiling of its hit rate. Beside the
merged list each source is measured alone, with the targets that it alone finds: a source without
any costs candidates and gives nothing.

    lists = {"trending_now": ids, "because_you_watched": other_ids}      # [queries, k], best first
    report = candidate_recall(queries, lists, merged)
    report.sources        # source, recall, only_here, num_candidates
    report.recall         # Interval of the merged list
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.recommender import Ids
from lolomo.evaluation.bootstrap import DEFAULT, Bootstrap, Interval, summarise
from lolomo.evaluation.queries import CLUSTER

MERGED = "merged"


@dataclass(frozen=True, slots=True)
class CandidateRecall:
    """What the candidates of many queries hold."""

    recall: Interval
    """Mean over queries of the share of targets among the merged candidates, by the bootstrap."""
    sources: pl.DataFrame
    """A row a source, and the merged list last: source; recall, the share of all targets found;
    only_here, the share that no other source found; num_candidates, the mean a query."""


def candidate_recall(
    queries: pl.DataFrame,
    proposals: Mapping[str, Ids],
    merged: Ids,
    bootstrap: Bootstrap = DEFAULT,
) -> CandidateRecall:
    """Measure the merged candidates and what each source contributes.

    Args:
        queries: What `build_queries` returned.
        proposals: By source, as deep as it was asked; "" where padded. Shape: [queries, k].
        merged: What the ranker gets, "" where padded. Shape: [queries, candidates].
        bootstrap: For the interval.

    Raises:
        DataError: If lists are not as many as the queries.
    """
    lists = {**proposals, MERGED: merged}
    wrong = {name: len(ids) for name, ids in lists.items() if len(ids) != len(queries)}
    if wrong:
        raise DataError(
            f"received lists of {wrong} queries, expected {len(queries)}: propose to every query, "
            "in the order of the table"
        )
    found = {name: found_targets(queries, ids) for name, ids in lists.items()}
    others = np.sum([found[name] for name in proposals], axis=0)
    sources = pl.DataFrame(
        [
            {
                "source": name,
                "recall": _mean(found[name]),
                "only_here": _mean(found[name] & (others == 1)) if name != MERGED else None,
                "num_candidates": _mean((ids != "").sum(axis=1)),
            }
            for name, ids in lists.items()
        ],
        schema_overrides={"only_here": pl.Float64},
    )
    return CandidateRecall(_interval(queries, found[MERGED], merged.shape[1], bootstrap), sources)


def found_targets(queries: pl.DataFrame, item_ids: Ids) -> NDArray[np.bool_]:
    """Return whether each target is in its query's list, targets of all queries in a row.

    Args:
        queries: With the column `targets`.
        item_ids: In any order. Shape: [queries, k].

    Returns:
        Shape: [targets].
    """
    lists = (set(row) for row in item_ids.tolist())
    targets = queries[Columns.TARGETS].to_list()
    found = [target in some for some, own in zip(lists, targets, strict=True) for target in own]
    return np.array(found, bool)


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _interval(
    queries: pl.DataFrame, found: NDArray[np.bool_], depth: int, bootstrap: Bootstrap
) -> Interval:
    """Return the mean share of a query's targets that was found, by the bootstrap over clusters."""
    metric = f"recall@{max(depth, 1)}"
    rows = np.repeat(np.arange(len(queries)), queries[Columns.TARGETS].list.len().to_numpy())
    num_found = np.bincount(rows, found, len(queries))
    shares = num_found / np.maximum(np.bincount(rows, minlength=len(queries)), 1)
    return summarise(
        queries.select(Columns.QUERY_ID, CLUSTER).with_columns(pl.Series(metric, shares)),
        [metric],
        bootstrap,
    )[metric]
