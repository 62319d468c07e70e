"""Does an offline metric put variants in the order that they would have online?

A metric need not be right, only to rank as the truth ranks: so the measure is Spearman's rank
correlation, with an interval by drawing variants again (which of them were tried is chance, too).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.evaluation.bootstrap import SEED, Interval

Floats = NDArray[np.float64]

NUM_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a metric ranks variants."""

    correlation: Interval
    """Spearman's, the mean over groups; NaN where a metric tells no two variants apart."""
    regret: float
    """How much less the metric's favourite earns than the best variant, the mean over groups."""
    num_variants: int


def agreement(
    metric: Floats,
    truth: Floats,
    groups: NDArray[np.int64],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = 0.95,
) -> Agreement:
    """Compare the order of variants by a metric with their true order.

    Args:
        metric: Of each variant in each group; NaN counts as the worst. Shape: [rows].
        truth: What each would earn. Shape: [rows].
        groups: Within which variants are ranked, such as seeds of a world. Shape: [rows].
        num_resamples: How often variants are drawn again within their groups.
        confidence: Of the interval.
    """
    known = np.where(np.isnan(metric), -np.inf, metric)
    rng = np.random.default_rng(SEED)
    means, draws, regrets, number = [], [], [], 0
    for group in np.unique(groups):
        one, other = known[groups == group], truth[groups == group]
        number = max(number, len(one))
        means.append(spearman(one, other))
        regrets.append(float(other.max() - other[int(one.argmax())]))
        chosen = rng.integers(0, len(one), (num_resamples, len(one)))
        draws.append([spearman(one[rows], other[rows]) for rows in chosen])
    mean = float(np.mean(means))
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(np.mean(draws, axis=0), (tail, 1.0 - tail))
    interval = Interval(mean, float(low), float(high))
    return Agreement(interval, float(np.mean(regrets)), number)


def spearman(one: Floats, other: Floats) -> float:
    """Return the correlation of ranks, ties sharing theirs; 0 if either side is all ties.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 90.0]))
    1.0
    """
    ranks = [_ranks(values) for values in (one, other)]
    centred = [each - each.mean() for each in ranks]
    scale = float(np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1])))
    return float(centred[0] @ centred[1]) / scale if scale else 0.0


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse])
