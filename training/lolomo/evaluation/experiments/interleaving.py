"""The analysis of team-draft interleaving: which of two rankers do users choose from?

Both rankers fill one list in turn (`lolomo.core.interleaving`), and each watched title is a point
for the ranker that put it there. Since every user compares both, far fewer are needed than for an
A/B test (Chapelle et al., ACM TOIS 2012), but the answer is a preference and not a lift.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lolomo.evaluation.bootstrap import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Preference:
    """Which ranker won with how many users."""

    share: Interval
    """Share of users who preferred the second, ties halved: above one half it is the better."""
    wins: int
    losses: int
    ties: int
    p_value: float
    """Of the sign test over users that preferred one: two-sided, for one look."""


def preference(first: Floats, second: Floats, users: NDArray[np.int64]) -> Preference:
    """Compare two rankers by the points of their lists.

    Args:
        first: Points of the first ranker, a list shown. Shape: [lists].
        second: Points of the second. Shape: [lists].
        users: Codes from 0 of who saw each list; a user counts once. Shape: [lists].
    """
    margin = np.bincount(users, second - first)
    seen = np.bincount(users) > 0
    signs = np.sign(margin[seen])
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    ties = len(signs) - wins - losses
    p_value = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    share = 0.5 * (signs + 1.0)
    if len(share) < 2:
        return Preference(Interval(math.nan, math.nan, math.nan), wins, losses, ties, p_value)
    reach = 1.96 * float(share.std(ddof=1)) / math.sqrt(len(share))
    mean = float(share.mean())
    return Preference(Interval(mean, mean - reach, mean + reach), wins, losses, ties, p_value)
