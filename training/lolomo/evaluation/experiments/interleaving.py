"""The analysis of team-draft interleaving: which of two rankers do users choose from?

Both rankers fill one list in turn (`lolomo.core.interleaving`), and each watched title is a point
for the ranker that put it there. Since every user compares both, far fewer are needed than for an
A/B test (Chapelle et al., ACM TOIS 2012), but the answer is a preference and not a lift.

Like all that experiments are read by, it is always valid. A user prefers the ranker with more
points. Of users who prefer one, the number who prefer the second is compared with a fair coin's, by
the Bayes factor of a mixture of coins (Robbins 1970); the share, ties halved, has an interval that
holds at all times at once.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.experiments.sequential import SequentialTest, Summary

Floats = NDArray[np.float64]
PRIOR = 50.0
"""Of the mixture, Beta(50, 50): preferences of 40 to 60 % are what is looked for."""


HORIZON = 4_000
"""Users, counted twice, at which the interval is tightest: interleaving needs few."""


@dataclass(frozen=True, slots=True)
class Preference:
    """Which ranker won with how many users."""

    share: Interval
    """Share of users who preferred the second, ties halved: above one half it is the better. It
    holds at all times at once."""
    wins: int
    losses: int
    ties: int
    p_value: float
    """Over users that preferred one: two-sided, always valid."""
    num_lists: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether users are known to prefer one."""
        return self.share.low > 0.5 or self.share.high < 0.5


def preference(
    first: Floats, second: Floats, users: NDArray[np.int64], test: SequentialTest | None = None
) -> Preference:
    """Compare two rankers by the points of their lists.

    Args:
        first: Points of the first ranker, a list shown. Shape: [lists].
        second: Points of the second. Shape: [lists].
        users: Codes from 0 of who saw each list; a user counts once. Shape: [lists].
        test: How sure one has to be.
    """
    margin = np.bincount(users, second - first)
    seen = np.bincount(users) > 0
    signs = np.sign(margin[seen])
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    ties = len(signs) - wins - losses
    shares = 0.5 * (signs + 1.0)
    # Where all agree nothing varies; one vote on each side is imagined, so that an interval exists.
    variance = float(np.concatenate([shares, [0.0, 1.0]]).var(ddof=1))
    share = Summary(len(shares), float(shares.mean()) if len(shares) else math.nan, variance)
    fair = Summary(len(shares), 0.5, 0.0)
    lead = (test or SequentialTest(horizon=HORIZON)).interval(share, fair)
    interval = Interval(0.5 + lead.mean, max(0.0, 0.5 + lead.low), min(1.0, 0.5 + lead.high))
    return Preference(interval, wins, losses, ties, _p_value(wins, losses), len(users))


def _p_value(wins: int, losses: int) -> float:
    """Return one over the Bayes factor against a fair coin, at most 1."""
    mixed = special.betaln(PRIOR + wins, PRIOR + losses) - special.betaln(PRIOR, PRIOR)
    evidence = float(mixed) + (wins + losses) * math.log(2.0)
    return math.exp(-max(0.0, evidence))
