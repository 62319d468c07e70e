"""The item snapshot: every stored feature of every item at one time, mapped from one file.

A request ranks hundreds of candidates by tens of features. A read of an online store packs and
unpacks each value by itself, tens of milliseconds in all; here a feature is a column of an Arrow
file that the process maps into its memory, and the candidates' values are one numpy take of it.
Workers of one machine share the pages of the file, and nothing is read before it is needed.

A snapshot never changes. It is known by the sha256 of its content, so a journalled page names it
and can be replayed from it. Row `i` is item `i` of the sorted ids; one more row holds the missing
values, which unknown items get.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError
from lolomo.core.files import digest_of, sha256_of
from lolomo.features.group import FeatureGroup
from lolomo.features.places import Places
from lolomo.features.transforms import groups_of
from lolomo.features.transforms.static import ALWAYS

Array = NDArray[Any]
Rows: TypeAlias = "NDArray[np.int64] | slice"
"""Places of items, or a slice where all are meant."""

FILE = "items.arrow"
MANIFEST = "snapshot.json"
TITLE_KEY = "title:key"
"""The column of numbers that are equal for items of one title and year."""


class Presence(IntEnum):
    """What is known of an item's stored values at a time."""

    PRESENT = 0
    MISSING = 1
    """There never were any."""
    STALE = 2
    """There were, longer ago than the group's time to live; they are served as missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotManifest:
    """What a snapshot is; its digest is the snapshot's version."""

    as_of: str
    """The time whose values these are, ISO 8601 UTC."""
    fingerprint: str
    """Of the feature tables that it was made from."""
    num_items: int
    sha256: str
    """Of the Arrow file."""
    ttl_microseconds: Mapping[str, int]
    """By feature group; 0 for ever."""
    levels: Mapping[str, Sequence[str]]
    """What the codes of each category or set of categories stand for."""
    format: int = 1

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what `to_json` wrote.

        Raises:
            FeatureError: If the text is no manifest of this version.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise FeatureError(
                f"the manifest of an item snapshot cannot be read ({error}): expected one that "
                "this version wrote; run `lolomo features materialize` again"
            ) from error


def instant_column(group: str) -> str:
    """Return the column that says from when a group's row of each item is, -1 for never."""
    return f"{group}:{Columns.TIMESTAMP}"


class ItemSnapshot:
    """The stored features of every item at one time, immutable.

    Args:
        version: The sha256 of its manifest.
        manifest: What it is.
        table: Its columns: `item_id`, the stored features, and each group's instants.
    """

    def __init__(self, version: str, manifest: SnapshotManifest, table: pa.Table) -> None:
        self.version = version
        self.manifest = manifest
        self.as_of = datetime.fromisoformat(manifest.as_of)
        self.timestamp = (self.as_of - ALWAYS) // timedelta(microseconds=1)
        """`as_of` in microseconds since 1970 UTC."""
        self.places = Places(table.column(Columns.ITEM_ID).to_numpy()[:-1])
        """Of its items, sorted."""
        self._texts = {
            name: column.chunk(0)
            for name, column in zip(table.column_names, table.columns, strict=True)
            if pa.types.is_large_string(column.type) and name != Columns.ITEM_ID
        }
        self._arrays = {
            name: _mapped(column.chunk(0))
            for name, column in zip(table.column_names, table.columns, strict=True)
            if not pa.types.is_large_string(column.type)
        }
        self._levels = {name: np.array(values, object) for name, values in manifest.levels.items()}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the snapshot in a folder whose name is its version.

        Raises:
            FeatureError: If it is missing, incomplete, or not what its version says.
        """
        try:
            text = (folder / MANIFEST).read_text()
            found = sha256_of(folder / FILE)
        except OSError as error:
            raise FeatureError(
                f"there is no item snapshot at {folder} ({error.strerror}): run "
                "`lolomo features materialize`"
            ) from error
        manifest = SnapshotManifest.from_json(text)
        if found != manifest.sha256 or digest_of(asdict(manifest)) != folder.name:
            raise FeatureError(
                f"the item snapshot at {folder} has sha256 {found[:12]} and another version than "
                "its name: it was changed or cut short; remove it and run "
                "`lolomo features materialize`"
            )
        with pa.memory_map(str(folder / FILE)) as file:
            table = pa.ipc.open_file(file).read_all()
        return cls(folder.name, manifest, table)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Every item, sorted. Shape: [items]."""
        return self.places.item_ids

    def share(self, places: Places) -> None:
        """Find items by the places of another reader, if it reads the same items."""
        if np.array_equal(places.item_ids, self.item_ids):
            self.places = places

    def codes(self, item_ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """Return each item's row, that of the missing values for an unknown item."""
        places = self.places(item_ids)
        return np.where(places < 0, len(self.places), places)

    def rows(self, item_ids: Sequence[str] | NDArray[np.object_]) -> Rows:
        """Return the rows of items; the whole catalogue, given as `item_ids`, is looked up free."""
        if item_ids is self.item_ids:
            return slice(0, len(self.item_ids))
        return self.codes(item_ids)

    def title_keys(self, item_ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """Return equal numbers for what is one title to a member: catalogues list some twice.

        Unknown items are below 0 and are all different.
        """
        rows = self.codes(item_ids)
        keys: NDArray[np.int64] = self._arrays[TITLE_KEY][rows]
        unknown = rows == len(self.item_ids)
        return np.where(unknown, -1 - np.arange(len(rows)), keys) if unknown.any() else keys

    def stored(self, group: FeatureGroup, name: str, rows: Rows, timestamp: int) -> Array:
        """Return one stored feature of some items, missing where it is stale.

        Returns:
            Numbers and instants float64, NaN where missing; texts and categories object, "" where
            missing; several categories object `[items, values]`, padded with "".
        """
        rows = self._served(group, rows, timestamp)
        if name in self._texts:
            return _decoded(self._texts[name], _places(rows, len(self.item_ids)))
        values: Array = self._arrays[name][rows]
        return self._levels[name][values] if name in self._levels else values

    def members(
        self,
        group: FeatureGroup,
        name: str,
        rows: Rows,
        categories: Sequence[str],
        timestamp: int,
    ) -> NDArray[np.bool_]:
        """Return which items a stored set of categories puts into each. [categories, items]."""
        codes = self._arrays[name][self._served(group, rows, timestamp)]
        by_value = np.ascontiguousarray(codes.T)  # long rows are compared three times as fast
        levels = self._levels[name].tolist()
        wanted = [levels.index(each) if each in levels else -1 for each in categories]
        found = [(by_value == code).any(axis=0) for code in wanted]
        return np.array(found, bool).reshape(len(wanted), len(codes))

    def _served(self, group: FeatureGroup, rows: Rows, timestamp: int) -> Rows:
        """Return the rows, that of the missing values in place of those that are stale."""
        if not self.manifest.ttl_microseconds.get(group.name):
            return rows
        stale = self.presence(group.name, rows, timestamp) == Presence.STALE
        return np.where(stale, len(self.item_ids), _places(rows, len(self.item_ids)))

    def presence(self, group: str, rows: Rows, timestamp: int) -> NDArray[np.int8]:
        """Tell present from missing and stale values of one group. Shape: [items].

        Args:
            group: Name of a feature group of items.
            rows: As `rows` returns them.
            timestamp: When it is asked, in microseconds since 1970 UTC.
        """
        instants = self._arrays[instant_column(group)][rows]
        ttl = self.manifest.ttl_microseconds.get(group, 0)
        known = np.where(instants >= 0, Presence.PRESENT, Presence.MISSING)
        stale = (timestamp - instants > ttl) & (instants >= 0) & bool(ttl)
        return np.where(stale, Presence.STALE, known).astype(np.int8)


@lru_cache(maxsize=256)
def plan(features: tuple[str, ...]) -> tuple[tuple[FeatureGroup, tuple[str, ...]], ...]:
    """Return the item groups that hold the named features, with those features' names.

    Raises:
        FeatureError: If a feature is unknown or not one of an item.
    """
    found = []
    for group, items in groups_of(features).values():
        names = tuple(item.name for item in items)
        if group.entity != "item":
            raise FeatureError(f"features {list(names)} are not of items")
        found.append((group, names))
    return tuple(found)


def _decoded(texts: pa.LargeStringArray, rows: NDArray[np.int64]) -> Array:
    """Return some texts; a page wants few at a time, and Arrow's `take` costs more to set up."""
    _, offsets, data = texts.buffers()
    ends, view = np.frombuffer(offsets, np.int64)[texts.offset :], memoryview(data or b"")
    spans = zip(ends[rows].tolist(), ends[rows + 1].tolist(), strict=True)
    return np.array([str(view[start:end], "utf-8") for start, end in spans], object)


def _mapped(array: pa.Array) -> Array:
    """Return an Arrow array as numpy without copying: lists of one length get a second axis."""
    if pa.types.is_fixed_size_list(array.type):
        flat: Array = array.flatten().to_numpy(zero_copy_only=True)
        return flat.reshape(len(array), array.type.list_size)
    values: Array = array.to_numpy(zero_copy_only=True)
    return values


def _places(rows: Rows, num_items: int) -> NDArray[np.int64]:
    return np.arange(num_items) if isinstance(rows, slice) else rows
