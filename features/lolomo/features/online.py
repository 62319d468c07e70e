"""Online reads shaped for ranking.

One user is one read of Feast's online store. Items are read from it once, at start, into a
columnar snapshot in this process: hundreds of candidates are then a numpy take, where a read of
Feast's store would cost tens of milliseconds. Both are the values last materialised, and what
depends on the clock is derived at the request's own time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError
from lolomo.features.group import POLARS_TYPES, SEQUENCES, Feature
from lolomo.features.inputs import padded
from lolomo.features.transforms import all_groups, groups_of

if TYPE_CHECKING:
    import feast

    from lolomo.features.store import FeatureStore

Array = NDArray[Any]
CHUNK = 2_000
"""Items a read of Feast's online store, when the snapshot is loaded."""


@dataclass(frozen=True, slots=True)
class ItemSnapshot:
    """The stored features of every item at one time, immutable: a request can be replayed."""

    as_of: datetime
    item_ids: NDArray[np.object_]
    """Shape: [items]."""
    index: Mapping[str, int]
    columns: Mapping[str, Array]
    """By stored feature; the row after the last item holds the missing values."""
    titles: Mapping[str, str]
    """The title of each item, its id where it has none."""

    def codes(self, item_ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """Return each item's row, that of the missing values for an unknown item."""
        get, missing = self.index.get, len(self.item_ids)
        return np.array([get(item_id, missing) for item_id in item_ids], dtype=np.int64)


class OnlineFeatures:
    """Features of users and items as last materialised.

    Safe to read from several threads; `refresh` swaps everything at once.
    """

    def __init__(self, store: "FeatureStore") -> None:
        self._store = store
        self._user_groups = [group for group in all_groups().values() if group.entity == "user"]
        self._user_references = [
            f"{group.name}:{item.name}" for group in self._user_groups for item in group.stored
        ]
        self._context = next(group for group in all_groups().values() if group.entity == "context")
        self.refresh()

    def refresh(self) -> None:
        """Read again what was materialised since.

        Raises:
            FeatureError: If nothing was.
        """
        as_of = self._store.as_of
        feast_store = self._store.repository.open()
        self._current = feast_store, _load_items(feast_store, self._store.items_known, as_of)

    @property
    def snapshot(self) -> ItemSnapshot:
        """The item features now in use."""
        return self._current[1]

    @property
    def as_of(self) -> datetime:
        """The time whose values these are."""
        return self.snapshot.as_of

    @property
    def counts_timestamp(self) -> int:
        """The time whose values these are, in microseconds since 1970 UTC."""
        return microseconds(self.as_of)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Every item of the events and the catalogue, sorted. Shape: [items]."""
        return self.snapshot.item_ids

    @property
    def titles(self) -> Mapping[str, str]:
        """The title of each item, its id where it has none."""
        return self.snapshot.titles

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
        answer = (
            self._current[0]
            .get_online_features(
                features=self._user_references, entity_rows=[{Columns.USER_ID: user_id}]
            )
            .to_dict()
        )
        time = np.array([microseconds(timestamp)], dtype=np.int64)
        values: dict[str, Any] = {}
        for group in self._user_groups:
            for item in group.features:
                value = answer[item.name][0]
                values[item.name] = list(value or ()) if item.dtype in SEQUENCES else value
            stored = {name: np.array(answer[name], np.float64) for name in group.derive_inputs}
            names = [item.feature.name for item in group.derived]
            values |= {
                name: _plain(array[0]) for name, array in group.derive(names, stored, time).items()
            }
        return values | self._context_values(time, context or {})

    def _context_values(
        self, time: NDArray[np.int64], context: Mapping[str, str | None]
    ) -> dict[str, Any]:
        stored = {
            name: np.array([context.get(name)], object) for name in self._context.derive_inputs
        }
        names = [item.feature.name for item in self._context.derived]
        derived = self._context.derive(names, stored, time)
        return {name: _plain(array[0]) for name, array in derived.items()}

    def items(
        self,
        item_ids: Sequence[str] | NDArray[np.object_],
        timestamp: datetime | int,
        features: Sequence[str],
    ) -> dict[str, Array]:
        """Return features of candidates.

        Args:
            item_ids: An unknown item has missing values. Shape: [candidates].
            timestamp: When the request is made; an integer is microseconds since 1970 UTC.
            features: Names of item features.

        Returns:
            By feature: numbers float32 `[candidates]`, NaN where missing; categories and texts
            object `[candidates]`, "" where missing; several categories object
            `[candidates, values]`, padded with "".

        Raises:
            FeatureError: If a feature is not one of an item.
        """
        snapshot = self.snapshot
        codes = snapshot.codes(item_ids)
        time = np.array(microseconds(timestamp), dtype=np.int64)
        result: dict[str, Array] = {}
        for group, items in groups_of(features).values():
            if group.entity != "item":
                raise FeatureError(f"features {[item.name for item in items]} are not of items")
            names = [item.name for item in items]
            stored = {name: snapshot.columns[name][codes] for name in group.reads(names)}
            values = stored | group.derive(names, stored, time)
            for item in items:
                value = values[item.name]
                result[item.name] = value.astype(np.float32) if item.dtype == "number" else value
        return result


def microseconds(timestamp: datetime | int) -> int:
    """Return a time as microseconds since 1970 UTC."""
    if isinstance(timestamp, datetime):
        return int(pl.Series([timestamp], dtype=pl.Datetime("us", "UTC")).dt.epoch("us")[0])
    return int(timestamp)


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return None if number != number else number


def _load_items(
    store: "feast.FeatureStore", item_ids: NDArray[np.object_], as_of: datetime
) -> ItemSnapshot:
    groups = [group for group in all_groups().values() if group.entity == "item"]
    stored = [(group.name, item) for group in groups for item in group.stored]
    references = [f"{name}:{item.name}" for name, item in stored]
    values: dict[str, list[Any]] = {item.name: [] for _, item in stored}
    for start in range(0, len(item_ids), CHUNK):
        ids = item_ids[start : start + CHUNK].tolist()
        answer = store.get_online_features(
            features=references, entity_rows=[{Columns.ITEM_ID: item_id} for item_id in ids]
        ).to_dict()
        for name, column in values.items():
            column += answer[name]
    columns = {item.name: _column(item, values[item.name]) for _, item in stored}
    index = {item_id: code for code, item_id in enumerate(item_ids)}
    titles = dict(zip(item_ids, columns[Columns.TITLE][:-1], strict=True))
    titles = {item_id: title or item_id for item_id, title in titles.items()}
    return ItemSnapshot(as_of, item_ids, index, columns, titles)


def _column(feature: Feature, values: list[Any]) -> Array:
    with_missing = [*values, None]
    if feature.dtype in ("number", "instant"):
        return np.array(with_missing, np.float64)
    if feature.dtype in ("category", "text"):
        return np.array([value or "" for value in with_missing], object)
    lists = pl.Series(with_missing, dtype=POLARS_TYPES[feature.dtype])
    width = max((len(value) for value in values if value), default=1)
    return padded(lists, width, 0 if feature.dtype == "timestamps" else "", at_front=False)
