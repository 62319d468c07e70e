"""What is asked of a history: queries, their histories and candidates, as places of a catalogue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Query
from lolomo.features.places import Places

DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries in order of time."""

    known_at: NDArray[np.int64]
    """As of when counts may be known, microseconds. Shape: [batch]."""
    timestamps: NDArray[np.int64]
    """When is asked, microseconds. Shape: [batch]."""
    history: NDArray[np.int64]
    """Places of items, oldest first, -1 where padded or unknown. Shape: [batch, length]."""
    times: NDArray[np.int64]
    """When they were watched, microseconds, 0 where padded. Shape: [batch, length]."""
    candidates: NDArray[np.int64]
    """Places of items, -1 where padded or unknown. Shape: [batch, candidates]."""

    @classmethod
    def of(cls, query: Query, places: Places) -> "Asked":
        """Read a ranker's query: its ids, times, history and `counts_timestamp`."""
        return cls(
            known_at=query[Columns.COUNTS_TIMESTAMP].astype(np.int64),
            timestamps=query[Columns.TIMESTAMP].astype(np.int64),
            history=places(query[Columns.HISTORY_ITEM_IDS]),
            times=query[Columns.HISTORY_TIMESTAMPS],
            candidates=places(query[Columns.CANDIDATES]),
        )

    def by_period(self, period: int) -> list[tuple[int, NDArray[np.int64] | slice]]:
        """Return the beginning of each period that is asked about, ascending, and who asks.

        Args:
            period: Length of the periods since 1970, in microseconds.
        """
        starts = self.known_at // period * period
        if len(starts) == 1:  # a request; to look for others would cost more than its counts
            return [(int(starts[0]), slice(None))]
        return [(int(start), np.flatnonzero(starts == start)) for start in np.unique(starts)]
