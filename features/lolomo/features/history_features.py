"""What a history says of candidates: one object that training, evaluation and serving ask.

These features belong to a query and a candidate together, so no store can hold them. They are
computed from the event log and the catalogue by the same code everywhere, and rest on nothing that
happened in the query's own hour or later, beside the history itself.
"""

from collections.abc import Collection
from typing import Any, Final

import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Query
from lolomo.features.asked import Asked
from lolomo.features.covisitation import COVISITS, CoVisitation
from lolomo.features.places import Places
from lolomo.features.taste import PROFILE, TASTES, Taste

OF_CANDIDATES: Final = (*COVISITS, *TASTES)
"""Names of the features that each candidate has."""
OF_QUERIES: Final = PROFILE
"""Names of the features that each query has."""
OF_HISTORIES: Final = (*OF_CANDIDATES, *OF_QUERIES)
"""Names of all features."""
HISTORY: Final = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS)
"""What of a query they rest on, beside its times and candidates."""


class HistoryFeatures:
    """Computes the features of rankings that rest on their histories.

    Asking for an earlier day than before is allowed and starts again from the beginning.

    Args:
        events: The event table, in order of time.
        items: The catalogue.
        places: Of every item that may be asked for.
    """

    def __init__(self, events: pl.DataFrame, items: pl.DataFrame, places: Places) -> None:
        self._places = places
        self._covisitation = CoVisitation(events, places)
        self._taste = Taste(events, items, places)

    def of(self, query: Query, names: Collection[str] = OF_HISTORIES) -> dict[str, NDArray[Any]]:
        """Return features of some queries, in order of time.

        Args:
            query: `timestamp` and `counts_timestamp` int64 microseconds `[batch]`, the history's
                ids and times `[batch, length]`, and `candidates` `[batch, candidates]`.
            names: Which features; what none of them needs is not computed.

        Returns:
            By name, float32: those of `OF_CANDIDATES` `[batch, candidates]`, 0 where there is no
            item, and those of `OF_QUERIES` `[batch]`, NaN where nothing is known.
        """
        asked = Asked.of(query, self._places)
        said: dict[str, NDArray[Any]] = {}
        if covisits := [name for name in COVISITS if name in names]:
            said |= self._covisitation.of(asked, covisits)
        if set(names) & {*TASTES, *PROFILE}:
            said |= self._taste.of(asked)
        return {name: values for name, values in said.items() if name in names}

    def advance(self, known_at: int) -> None:
        """Count what is known at a time, microseconds, so that the first query need not wait."""
        self._covisitation.advance(known_at)
        self._taste.advance(known_at)
