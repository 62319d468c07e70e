"""Shadow traffic: what would another release have answered, had it been asked?

The shadow gets a copy of each request, and nobody sees its answer. So nothing is learned of what
members would have done, and everything of what would break: how its lists differ from those that
were shown, how much slower it is, and how often it fails.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from lolomo.core.errors import DataError

PERSISTENCE = 0.9
"""Of rank-biased overlap: how far down a list a reader goes."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """How a shadow's answers compare with those that were served."""

    num_requests: int
    failed: float
    """Share of requests that the shadow did not answer."""
    overlap: float
    """Mean share of titles in common, of the shorter list."""
    rank_biased_overlap: float
    """The same with the top counting most (Webber, Moffat and Zobel 2010), 1 if lists are equal."""
    same_first: float
    """Share of requests with the same title on top."""
    rank_correlation: float
    """Mean Spearman correlation of the scores of all candidates that both ranked."""
    latency_ratio: float
    """Median time of the shadow over that of the served release."""
    latency_p99_ratio: float


def compare_shadow(requests: pl.DataFrame) -> Shadowed:
    """Compare a shadow's answers with those served.

    Args:
        requests: One a row: lists `served` and `shadow` of item ids (null where the shadow failed),
            `served_us` and `shadow_us`, their times in microseconds; and `served_scores` and
            `shadow_scores`, lists of what each gave the candidates that both ranked, in one order.

    Raises:
        DataError: If there is no request.
    """
    if requests.is_empty():
        raise DataError("no request was shadowed: send traffic before reading what came of it")
    answered = requests.filter(pl.col("shadow").is_not_null())
    pairs = list(answered.select("served", "shadow").iter_rows())
    times = answered.select("served_us", "shadow_us").to_numpy().astype(float)
    if not pairs:
        nothing = math.nan
        return Shadowed(requests.height, 1.0, *[nothing] * 6)
    middle, tail = (np.quantile(times, quantile, axis=0) for quantile in (0.5, 0.99))
    return Shadowed(
        num_requests=requests.height,
        failed=1.0 - answered.height / requests.height,
        overlap=float(np.mean([_overlap(*pair) for pair in pairs])),
        rank_biased_overlap=float(np.mean([rank_biased_overlap(*pair) for pair in pairs])),
        same_first=float(np.mean([one[:1] == other[:1] for one, other in pairs])),
        rank_correlation=_mean_correlation(answered),
        latency_ratio=float(middle[1] / middle[0]),
        latency_p99_ratio=float(tail[1] / tail[0]),
    )


def _mean_correlation(answered: pl.DataFrame) -> float:
    """Return the mean over requests of the correlation of ranks; NaN where there are no scores."""
    pairs = answered.select("served_scores", "shadow_scores").drop_nulls().iter_rows()
    found = [_correlation(*pair) for pair in pairs]
    known = [each for each in found if not math.isnan(each)]
    return float(np.mean(known)) if known else math.nan


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    ranks = [stats.rankdata(scores) for scores in (one, other)]
    if len(one) < 2 or min(float(np.ptp(each)) for each in ranks) == 0.0:
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], p: float = PERSISTENCE) -> float:
    """Return how alike two lists are, the top counting most; 1 for equal lists, 0 for disjoint.

    The weights of the depths that both lists reach are scaled to sum to 1.

    >>> rank_biased_overlap(["a", "b"], ["a", "b"]), rank_biased_overlap(["a"], ["b"])
    (1.0, 0.0)
    """
    depth = min(len(one), len(other))
    if not depth:
        return 1.0 if len(one) == len(other) else 0.0
    agreement = [len({*one[:d]} & {*other[:d]}) / d for d in range(1, depth + 1)]
    weights = p ** np.arange(depth)
    return float(np.dot(agreement, weights) / weights.sum())


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    shorter = min(len(one), len(other))
    return len({*one} & {*other}) / shorter if shorter else 1.0
