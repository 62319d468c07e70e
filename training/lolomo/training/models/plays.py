"""Interactions as arrays of indices, which models of ids count and multiply."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.training.models.data import TrainingData

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Plays:
    """Interactions as index arrays, in order of time. Each of shape [events]."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    days: NDArray[np.float64]
    """Time in days since 1970 UTC."""
    num_items: int

    def before(self, day: float) -> "Plays":
        """Return the plays before an instant."""
        return self.part(slice(0, int(np.searchsorted(self.days, day))))

    def part(self, rows: Any) -> "Plays":
        """Return some of the plays."""
        return Plays(self.users[rows], self.items[rows], self.days[rows], self.num_items)


def plays_of(data: TrainingData, items: Ids) -> Plays:
    """Return the interactions with the given items as index arrays.

    Args:
        data: What to learn from.
        items: The vocabulary, sorted. Shape: [items].
    """
    place = pl.DataFrame({Columns.ITEM_ID: items.astype(str), "place": np.arange(len(items))})
    table = data.events.select(
        pl.col(Columns.USER_ID).rank("dense").cast(pl.Int64) - 1,
        Columns.ITEM_ID,
        pl.col(Columns.TIMESTAMP).dt.epoch("us").cast(pl.Float64) / MICROSECONDS_A_DAY,
    ).join(place, on=Columns.ITEM_ID, maintain_order="left")
    users, places, days = (
        table[name].to_numpy() for name in (Columns.USER_ID, "place", Columns.TIMESTAMP)
    )
    return Plays(users, places.astype(np.int64), days, len(items))


def popularity(plays: Plays, window_days: float) -> Scores:
    """Return how much each item was watched in the last days, the most watched being 1.

    Older plays count a hundredth of a play in all, so that no two items tie without need. [items].
    """
    recent = plays.days >= plays.days[-1] - window_days
    counts = np.bincount(plays.items[recent], minlength=plays.num_items)
    total = np.bincount(plays.items, minlength=plays.num_items)
    amount = counts + 0.01 * total / max(int(total.max(initial=0)), 1)
    prior: Scores = (amount / amount.max()).astype(np.float32)
    return prior


def most_watched(plays: Plays) -> NDArray[np.int64]:
    """Return the items that were watched at all, the most watched first. Shape: [watched items]."""
    counts = np.bincount(plays.items, minlength=plays.num_items)
    return np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]


def watched(plays: Plays, memory_days: float) -> sparse.csr_array:
    """Return who watched what: 1, or less the longer ago, half after `memory_days`. [users, items].

    An item watched again counts the sum, at most 1.
    """
    fade = 2.0 ** ((plays.days - plays.days[-1]) / memory_days)
    num_users = int(plays.users.max()) + 1
    shape = (num_users, plays.num_items)
    matrix = sparse.csr_array((fade, (plays.users, plays.items)), shape=shape)
    matrix.sum_duplicates()
    matrix.data = np.minimum(matrix.data, 1.0)
    return matrix
