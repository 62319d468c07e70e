"""What is asked of a history: queries, their histories and candidates, as places of a catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Query

DAY = 86_400_000_000
"""Microseconds."""


class Places:
    """Finds the place of an item in a catalogue.

    Whoever asks about a whole catalogue does so again and again, so the last such array, which must
    not change, is looked up once.

    Args:
        item_ids: The catalogue. Shape: [items].
    """

    def __init__(self, item_ids: Ids) -> None:
        self._index = {item_id: place for place, item_id in enumerate(item_ids.tolist())}
        self._whole: Ids | None = None
        self._places_of_whole = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._index)

    def __call__(self, item_ids: Ids | Sequence[str]) -> NDArray[np.int64]:
        """Return each item's place, -1 where unknown. The same shape."""
        ids = np.asarray(item_ids, object)
        if ids.ndim > 1 and not ids.strides[0]:  # one list of candidates for all queries
            return np.broadcast_to(self(ids[0]), ids.shape)
        whole = ids if ids.base is None else ids.base
        if whole is self._whole and ids.size == len(self._places_of_whole):
            return self._places_of_whole.reshape(ids.shape)
        found = map(self._index.get, ids.ravel().tolist(), repeat(-1))
        places = np.fromiter(found, np.int64, ids.size)
        if len(places) >= len(self):
            self._whole, self._places_of_whole = whole, places
        return places.reshape(ids.shape)


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
