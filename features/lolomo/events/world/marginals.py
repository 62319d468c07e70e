"""What a log looks like from afar: how popular titles are, how active users, how long they wait.

The same three curves of a simulated log and of a real one show at a glance whether the world is of
this one. They say nothing of tastes.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind

Curve = NDArray[np.float64]
NUM_POINTS = 200
"""Of each curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginals:
    """Three distributions of a log of plays, and their summaries."""

    num_plays: int
    num_users: int
    num_items: int
    popularity: Curve
    """Plays of the items as shares of all, the most popular first. Shape: [items]."""
    activity: Curve
    """Plays of each user, rising. Shape: [users]."""
    gap_days: Curve
    """Between one play of a user and the next, rising. Shape: [gaps]."""

    @property
    def summary(self) -> dict[str, float]:
        """Return the figures by name: concentration, activity and gaps."""
        top = max(1, len(self.popularity) // 100)
        return {
            "plays": float(self.num_plays),
            "users": float(self.num_users),
            "items": float(self.num_items),
            "popularity Gini": gini(self.popularity),
            "plays of top 1 % of titles": float(self.popularity[:top].sum()),
            "plays a user, median": float(np.median(self.activity)),
            "plays a user, 90 %": float(np.quantile(self.activity, 0.9)),
            "activity Gini": gini(self.activity),
            "gap in days, 25 %": float(np.quantile(self.gap_days, 0.25)),
            "gap in days, median": float(np.median(self.gap_days)),
            "gap in days, 75 %": float(np.quantile(self.gap_days, 0.75)),
        }


def marginals(events: pl.DataFrame) -> Marginals:
    """Return the marginals of a log's plays.

    Args:
        events: The event table, ordered by time; what is no play, completion or rating is ignored.
    """
    plays = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
    items = plays[Columns.ITEM_ID].value_counts()["count"].to_numpy()
    users = plays[Columns.USER_ID].value_counts()["count"].to_numpy()
    gaps = plays.select(
        pl.col(Columns.TIMESTAMP).diff().over(Columns.USER_ID).dt.total_microseconds() / 86_400e6
    ).to_series()
    return Marginals(
        num_plays=plays.height,
        num_users=len(users),
        num_items=len(items),
        popularity=np.sort(items)[::-1] / max(1, plays.height),
        activity=np.sort(users).astype(np.float64),
        gap_days=np.sort(gaps.drop_nulls().to_numpy()),
    )


def gini(values: NDArray[np.floating]) -> float:
    """Return the Gini coefficient: 0 if all are equal, towards 1 if one has everything.

    >>> gini(np.array([1.0, 1.0, 1.0]))
    0.0
    >>> round(gini(np.array([0.0, 0.0, 0.0, 1.0])), 2)
    0.75
    """
    rising = np.sort(values)
    count, total = len(rising), rising.sum()
    if not total:
        return 0.0
    ranks = np.arange(1, count + 1)
    return float((2 * (ranks * rising).sum() / total - count - 1) / count)
