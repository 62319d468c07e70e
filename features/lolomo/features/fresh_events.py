"""What happened since the last materialisation: a small overlay over what was materialised.

A member who has just watched something expects the next page to know it. Events that arrive after
the materialised time are kept here, and the transforms of the feature groups are run on them alone;
what they give is added to what was materialised: counts are summed, times of first and last events
are compared, forward-decayed counts are added in their logarithms, and histories are appended.

Means stay as they were materialised, since how many values they rest on is not stored; so do the
groups of a company, and items that the snapshot does not know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.features.group import FeatureGroup
from lolomo.features.item_snapshot import ItemSnapshot, Rows
from lolomo.features.transforms import (
    ITEM_POPULARITY,
    USER_ACTIVITY,
    USER_HISTORY,
    item_popularity,
    user_activity,
    user_history,
)

Floats = NDArray[np.float64]
READ: Final[Mapping[str, Any]] = {
    Columns.EVENT_ID: pl.String(),
    Columns.USER_ID: pl.String(),
    Columns.ITEM_ID: pl.String(),
    Columns.KIND: pl.String(),
    Columns.VALUE: pl.Float64(),
    Columns.TIMESTAMP: pl.Datetime("us", "UTC"),
}
"""What is kept of an event."""


@dataclass(frozen=True, slots=True)
class Combination:
    """How a materialised number and that of fresh events become one."""

    of: Callable[[Any, Any], Any]
    nothing: float
    """What stands for a missing number."""


_SUM = Combination(np.add, 0.0)
COMBINED: Final[Mapping[str, Combination]] = {
    **dict.fromkeys((*item_popularity.WINDOWS, item_popularity.TOTAL), _SUM),
    **dict.fromkeys((*user_activity.WINDOWS, user_activity.TOTAL), _SUM),
    item_popularity.FIRST: Combination(np.minimum, np.inf),
    item_popularity.LAST: Combination(np.maximum, -np.inf),
    user_activity.LAST: Combination(np.maximum, -np.inf),
    **{
        item.name: Combination(np.logaddexp2, -np.inf)
        for item in ITEM_POPULARITY.state
        if item.dtype == "number"
    },
}
"""By stored feature; others stay as they were materialised."""


@dataclass(frozen=True, slots=True)
class FreshEvents:
    """The events since a snapshot, and what they add; immutable, so that a reader sees all of it.

    Made by `none` and `with_events`.
    """

    snapshot: ItemSnapshot
    events: pl.DataFrame
    """In order of time."""
    places: NDArray[np.int32]
    """Of each row of the snapshot, its row in `items`; -1 for none. Shape: [items + 1]."""
    items: Mapping[str, Floats] = field(default_factory=dict)
    """What is added to each touched item, by stored feature. Shape of each: [touched]."""
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By user, then by stored feature."""

    @classmethod
    def none(cls, snapshot: ItemSnapshot) -> Self:
        """Return the overlay of a snapshot since which nothing happened."""
        places = np.full(len(snapshot.item_ids) + 1, -1, np.int32)
        return cls(snapshot, pl.DataFrame(), places)

    def with_events(self, events: pl.DataFrame) -> Self:
        """Return the overlay with more events; those that the snapshot counts are left out.

        Args:
            events: With the columns of `READ`.
        """
        kinds = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)
        later = pl.col(Columns.TIMESTAMP) >= self.snapshot.as_of
        new = events.filter(kinds & later).select(
            pl.col(name).cast(dtype) for name, dtype in READ.items()
        )
        if new.is_empty():
            return self
        kept = pl.concat([self.events, new]) if len(self.events) else new
        kept = kept.unique(Columns.EVENT_ID, keep="first", maintain_order=True)
        kept = kept.sort(Columns.TIMESTAMP, maintain_order=True)
        places, items = self._touched(kept)
        return type(self)(self.snapshot, kept, places, items, self._acting(kept, new))

    def onto(self, snapshot: ItemSnapshot) -> Self:
        """Return the overlay of a newer snapshot: what that does not count yet."""
        empty = type(self).none(snapshot)
        return empty.with_events(self.events) if len(self.events) else empty

    def added_to(self, name: str, values: NDArray[Any], rows: Rows) -> NDArray[Any]:
        """Return a stored feature of some rows with what is fresh."""
        if name not in self.items:
            return values
        places = self.places[rows]
        touched = np.flatnonzero(places >= 0)
        if not len(touched):
            return values
        fresh = self.items[name][places[touched]]
        result = values.copy()
        result[touched] = _combined(COMBINED[name], values[touched], fresh)
        return result

    def added_to_user(self, user_id: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return a user's stored features with what is fresh; None where missing."""
        fresh = self.users.get(user_id)
        if fresh is None:
            return values
        result = dict(values)
        for name, value in fresh.items():
            if isinstance(value, list):
                result[name] = [*(values.get(name) or ()), *value][-user_history.LENGTH :]
            elif name in COMBINED:
                base = np.array([np.nan if values.get(name) is None else values[name]], np.float64)
                result[name] = float(_combined(COMBINED[name], base, np.array([value]))[0])
        return result

    def _touched(self, events: pl.DataFrame) -> tuple[NDArray[np.int32], dict[str, Floats]]:
        """Return the rows of the items that events touch, and what they add."""
        known = events.filter(pl.col(Columns.ITEM_ID).is_in(self.snapshot.item_ids.tolist()))
        places = np.full(len(self.snapshot.item_ids) + 1, -1, np.int32)
        added: dict[str, Floats] = {}
        rows = _latest(ITEM_POPULARITY, known)
        places[self.snapshot.codes(rows[Columns.ITEM_ID].to_list())] = np.arange(len(rows))
        for name in COMBINED.keys() & set(rows.columns):
            added[name] = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return places, added

    def _acting(self, events: pl.DataFrame, new: pl.DataFrame) -> dict[str, Mapping[str, Any]]:
        """Return what events add to their users, computed again for those of new events."""
        acting = new[Columns.USER_ID].unique()
        own = events.filter(pl.col(Columns.USER_ID).is_in(acting.to_list()))
        found: dict[str, dict[str, Any]] = {user_id: {} for user_id in acting}
        for group in (USER_ACTIVITY, USER_HISTORY):
            names = [item.name for item in group.stored]
            for row in _latest(group, own).select(Columns.USER_ID, *names).to_dicts():
                found[row.pop(Columns.USER_ID)] |= row
        return {**self.users, **found}


def _latest(group: FeatureGroup, events: pl.DataFrame) -> pl.DataFrame:
    """Return the latest row of each entity, as of just after the last event."""
    table = group.change_table(events, pl.DataFrame(), pl.DataFrame())
    last = events[Columns.TIMESTAMP].max()
    in_effect = table.filter(pl.col(Columns.TIMESTAMP).dt.offset_by("-1us") <= last)
    return in_effect.unique(group.id_column, keep="last", maintain_order=True)


def _combined(how: Combination, base: Floats, fresh: Floats) -> Floats:
    known = np.where(np.isnan(base), how.nothing, base)
    added = np.where(np.isnan(fresh), how.nothing, fresh)
    combined = np.asarray(how.of(known, added), np.float64)
    return np.where(np.isfinite(combined), combined, np.nan)
