"""Online reads shaped for ranking.

One user is one read of Feast's online store. Items are read from a memory-mapped snapshot of
Feast's views (see `item_snapshot`), hundreds in a fraction of a millisecond where a read of Feast's
store takes tens of them. Both hold the values last materialised; events since then are an overlay
(see `fresh_events`), and what depends on the clock is derived at the request's own time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.features.captions import Caption, Captions
from lolomo.features.fresh_events import FreshEvents
from lolomo.features.group import SEQUENCES, FeatureGroup
from lolomo.features.item_snapshot import ItemSnapshot, plan
from lolomo.features.transforms import all_features, all_groups
from lolomo.features.transforms.static import ALWAYS
from lolomo.features.user_rows import UserRows

if TYPE_CHECKING:
    from lolomo.features.store import FeatureStore

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _State:
    """What reads are answered from; replaced as a whole."""

    users: UserRows
    snapshot: ItemSnapshot
    fresh: FreshEvents
    captions: Captions


class OnlineFeatures:
    """Features of users and items as last materialised, and as events have changed them since.

    Safe to read from several threads; `refresh` and `observe` swap everything at once.

    Args:
        store: Whose features.
        version: Of an older snapshot of items; None for what was materialised last.

    Raises:
        FeatureError: If nothing is materialised, or there is no such version.
    """

    def __init__(self, store: "FeatureStore", version: str | None = None) -> None:
        self._store = store
        self._user_groups = [group for group in all_groups().values() if group.entity == "user"]
        self._context = next(group for group in all_groups().values() if group.entity == "context")
        self._changing = Lock()
        snapshot = store.snapshot(version)
        self._state = self._state_of(snapshot, FreshEvents.none(snapshot))

    def refresh(self) -> bool:
        """Read again what was materialised since; what is served meanwhile is the old or the new.

        Returns:
            Whether there was anything new. Cheap where there was not.

        Raises:
            FeatureError: If the snapshot that is now named cannot be read; the old one stays.
        """
        with self._changing:
            if self._store.snapshot_version == self.snapshot.version:
                return False
            snapshot = self._store.snapshot()
            snapshot.share(self.snapshot.places)
            self._state = self._state_of(snapshot, self._state.fresh.onto(snapshot))
            return True

    def _state_of(self, snapshot: ItemSnapshot, fresh: FreshEvents) -> _State:
        def read(item_ids: Ids, names: Sequence[str]) -> Mapping[str, Array]:
            return self.items(item_ids, snapshot.timestamp, names)

        return _State(self._users(), snapshot, fresh, Captions(read))

    def _users(self) -> UserRows:
        return UserRows(self._store.repository.open(), self._user_groups)

    def observe(self, events: pl.DataFrame) -> None:
        """Let the next reads know of events: histories and counts of their users and items.

        Events that are materialised, seen before, or no interactions change nothing.

        Args:
            events: With ids, kind, value and timestamp, as in the event table.
        """
        with self._changing:
            self._state = replace(self._state, fresh=self._state.fresh.with_events(events))

    @property
    def snapshot(self) -> ItemSnapshot:
        """The item features now in use, without what is fresh."""
        return self._state.snapshot

    @property
    def version(self) -> str:
        """What items are read from: the snapshot's version, `+` how many events were observed."""
        state = self._state
        observed = len(state.fresh.events)
        return f"{state.snapshot.version}+{observed}" if observed else state.snapshot.version

    @property
    def as_of(self) -> datetime:
        """The time of the last materialisation."""
        return self.snapshot.as_of

    @property
    def counts_timestamp(self) -> int:
        """The time of the last materialisation, in microseconds since 1970 UTC."""
        return self.snapshot.timestamp

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Every item of the events and the catalogue, sorted. Shape: [items]."""
        return self.snapshot.item_ids

    def staleness_seconds(self, timestamp: datetime | int) -> float:
        """Return how long before a time the last materialisation was, for a metric; 0 if after."""
        return max(microseconds(timestamp) - self.counts_timestamp, 0) / 1e6

    def presence(
        self, item_ids: Sequence[str] | Array, timestamp: datetime | int, group: str
    ) -> NDArray[np.int8]:
        """Tell items with values of a feature group from those without, and those with stale ones.

        Returns:
            Values of `Presence`. Shape: [items].
        """
        snapshot = self.snapshot
        return snapshot.presence(group, snapshot.rows(item_ids), microseconds(timestamp))

    def user(
        self,
        user_id: str,
        timestamp: datetime | int,
        context: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        """Return every feature of a user and of the request's context.

        Args:
            user_id: May be unknown.
            timestamp: When the request is made; an integer is microseconds since 1970 UTC.
            context: `device` and `country`, where known.

        Returns:
            By feature, plain values: None where missing, an empty list for an empty history.
        """
        state = self._state
        now = microseconds(timestamp)
        stored = state.fresh.added_to_user(user_id, state.users.read(user_id, now))
        time = np.array([now], dtype=np.int64)
        values: dict[str, Any] = {}
        for group in self._user_groups:
            for item in group.features:
                value = stored[item.name]
                values[item.name] = list(value or ()) if item.dtype in SEQUENCES else value
            read = {name: np.array([stored[name]], np.float64) for name in group.derive_inputs}
            values |= _derived(group, read, time)
        asked = context or {}
        read = {name: np.array([asked.get(name)], object) for name in self._context.derive_inputs}
        return values | _derived(self._context, read, time)

    def codes(self, item_ids: Sequence[str] | Array) -> NDArray[np.int64]:
        """Return each item's row in the snapshot, for the journal. Shape: [items]."""
        return self.snapshot.codes(item_ids)

    def title_keys(self, item_ids: Sequence[str] | Array) -> NDArray[np.int64]:
        """Return equal numbers for items of one title and year. Shape: [items]."""
        return self.snapshot.title_keys(item_ids)

    def captions(self, item_ids: Sequence[str]) -> Mapping[str, Caption]:
        """Return what members read of items, by item; perhaps of others, too."""
        return self._state.captions.of(item_ids)

    def of_genres(
        self,
        item_ids: Sequence[str] | Array,
        timestamp: datetime | int,
        genres: Sequence[str],
    ) -> NDArray[np.bool_]:
        """Return which items are of each genre. Shape: [genres, items]."""
        [(group, (name,))] = plan((Columns.GENRES,))
        snapshot = self.snapshot
        rows, now = snapshot.rows(item_ids), microseconds(timestamp)
        return snapshot.members(group, name, rows, genres, now)

    def items(
        self,
        item_ids: Sequence[str] | NDArray[np.object_],
        timestamp: datetime | int,
        features: Sequence[str],
    ) -> dict[str, Array]:
        """Return features of candidates.

        Args:
            item_ids: An unknown item has missing values; `self.item_ids` itself, the whole
                catalogue, needs no look-up. Shape: [candidates].
            timestamp: When the request is made; an integer is microseconds since 1970 UTC.
            features: Names of item features.

        Returns:
            By feature: numbers float32 `[candidates]`, NaN where missing; categories and texts
            object `[candidates]`, "" where missing; several categories object
            `[candidates, values]`, padded with "".

        Raises:
            FeatureError: If a feature is not one of an item.
        """
        state = self._state
        snapshot, fresh = state.snapshot, state.fresh
        rows = snapshot.rows(item_ids)
        now = microseconds(timestamp)
        time = np.array(now, dtype=np.int64)
        result: dict[str, Array] = {}
        for group, names in plan(tuple(features)):
            stored = {
                name: fresh.added_to(name, snapshot.stored(group, name, rows, now), rows)
                for name in group.reads(names)
            }
            values = stored | group.derive(names, stored, time)
            for name in names:
                value = values[name]
                number = all_features()[name].dtype == "number"
                result[name] = value.astype(np.float32) if number else value
        return result


def microseconds(timestamp: datetime | int) -> int:
    """Return a time as microseconds since 1970 UTC."""
    if isinstance(timestamp, datetime):
        return (timestamp - ALWAYS) // timedelta(microseconds=1)
    return int(timestamp)


def _derived(
    group: FeatureGroup, stored: Mapping[str, Array], time: NDArray[np.int64]
) -> dict[str, Any]:
    """Compute a group's derived features of one entity, as plain values."""
    names = [item.feature.name for item in group.derived]
    return {name: _plain(array[0]) for name, array in group.derive(names, stored, time).items()}


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return None if number != number else number
