"""Item features at any past time, in bulk.

Training and evaluation ask for many items at many times. Instead of a join a cell, the timeline
walks through the change tables once in the order of time and keeps the current value of each item
in an array. It equals `FeatureStore.point_in_time` cell by cell.

A timeline may be late, or frozen. What is stored is then as it was known earlier, by a delay or at
the freezing, while the clock goes on: counts stand still, ages grow and decayed counts fade.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError
from lolomo.features.group import Feature, FeatureGroup
from lolomo.features.inputs import padded
from lolomo.features.tables import ChangeTables
from lolomo.features.transforms import groups_of

Array = NDArray[Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class _Column:
    """One stored column, replayed forward."""

    codes: NDArray[np.int64]
    changes: NDArray[np.float64]
    levels: Array | None
    """What the values stand for, if they are not numbers; the last level is the missing one."""
    current: NDArray[np.float64]
    position: int = 0

    def advance(self, end: int) -> NDArray[np.float64]:
        """Return every item's value once the first `end` changes are made. Shape: [items]."""
        if end < self.position:
            self.current.fill(np.nan)
            self.position = 0
        span = slice(self.position, end)
        self.current[self.codes[span]] = self.changes[span]
        self.position = end
        return self.current

    def decode(self, values: NDArray[np.float64]) -> Array:
        """Return what the values stand for."""
        if self.levels is None:
            return values
        missing = len(self.levels) - 1
        decoded: Array = self.levels[np.where(np.isnan(values), missing, values).astype(np.int64)]
        return decoded


@dataclass(slots=True)
class _Track:
    """The change table of one group."""

    group: FeatureGroup
    file: Path
    codes: NDArray[np.int64]
    times: NDArray[np.int64]
    num_items: int
    columns: dict[str, _Column] = field(default_factory=dict)

    def column(self, name: str) -> _Column:
        if name not in self.columns:
            values = pl.read_parquet(self.file, columns=[name]).to_series()
            stored = next(item for item in self.group.stored if item.name == name)
            levels, changes = _coded(stored, values)
            current = np.full(self.num_items, np.nan)
            self.columns[name] = _Column(self.codes, changes, levels, current)
        return self.columns[name]


class ItemTimeline:
    """Features of all items, moving forward in time.

    Asking for an earlier time than before is allowed and starts again from the beginning.

    Args:
        tables: The change tables.
        delay: How late stored values arrive; the clock itself is never late.
        frozen_at: When stored values stop to arrive, UTC; None for never.
    """

    def __init__(
        self,
        tables: ChangeTables,
        delay: timedelta = timedelta(0),
        frozen_at: datetime | None = None,
    ) -> None:
        self.item_ids: NDArray[np.object_] = tables.known("item")
        """Every item ever seen in events or catalogue, sorted. Shape: [items]."""
        self._index = {item_id: code for code, item_id in enumerate(self.item_ids)}
        self._tables = tables
        self._delay = delay // MICROSECOND
        self._last = _NEVER if frozen_at is None else (frozen_at - EPOCH) // MICROSECOND
        self._tracks: dict[str, _Track] = {}

    def known_at(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return as of when stored values are, in microseconds: never after the query itself."""
        return np.minimum(timestamps - self._delay, self._last)

    def at(
        self, timestamps: NDArray[np.int64], features: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Return numbers of all items at each time, NaN where missing.

        Args:
            timestamps: Query times in microseconds, ascending. Shape: [batch].
            features: Names of item features that are numbers.

        Returns:
            By feature, float32 arrays of shape [batch, items].

        Raises:
            FeatureError: If a feature is not a number of an item.
        """
        selected = self._select(features)
        texts = [item.name for _, items in selected for item in items if item.dtype != "number"]
        if texts:
            raise FeatureError(f"features {texts} are not numbers: ask `gather` for them")
        shape = (len(timestamps), len(self.item_ids))
        return self._compute(selected, timestamps, shape, lambda row, values: values)

    def gather(
        self,
        timestamps: NDArray[np.int64],
        item_ids: NDArray[np.object_],
        features: Sequence[str],
    ) -> dict[str, Array]:
        """Return features of some items at each time.

        Args:
            timestamps: Query times in microseconds, ascending. Shape: [batch].
            item_ids: "" and unknown items have missing values. Shape: [batch, candidates].
            features: Names of item features.

        Returns:
            By feature: numbers float32 `[batch, candidates]`, NaN where missing; categories and
            texts object `[batch, candidates]`, "" where missing; several categories object
            `[batch, candidates, values]`, padded with "".

        Raises:
            FeatureError: If a feature is not one of an item.
        """
        get = self._index.get
        flat = [get(item_id, -1) for item_id in item_ids.ravel().tolist()]
        codes = np.array(flat, dtype=np.int64).reshape(item_ids.shape)
        unknown = codes < 0
        some_unknown = bool(unknown.any())

        def pick(row: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
            picked: NDArray[np.float64] = values[codes[row]]
            if some_unknown:
                picked[unknown[row]] = np.nan
            return picked

        selected = self._select(features)
        return self._compute(selected, timestamps, item_ids.shape, pick)

    def _select(self, features: Sequence[str]) -> list[tuple[_Track, tuple[Feature, ...]]]:
        selected = list(groups_of(features).values())
        foreign = [
            item.name for group, items in selected if group.entity != "item" for item in items
        ]
        if foreign:
            raise FeatureError(f"features {foreign} are not of items: ask `point_in_time` for them")
        return [(self._track(group), items) for group, items in selected]

    def _compute(
        self,
        selected: list[tuple[_Track, tuple[Feature, ...]]],
        timestamps: NDArray[np.int64],
        shape: tuple[int, ...],
        pick: Callable[[int, NDArray[np.float64]], NDArray[np.float64]],
    ) -> dict[str, Array]:
        result: dict[str, Array] = {}
        known_at = self.known_at(timestamps)
        for track, items in selected:
            names = [item.name for item in items]
            ends = np.searchsorted(track.times, known_at, side="right").tolist()
            stored: dict[str, Array] = {}
            for name in track.group.reads(names):
                values = np.empty(shape)
                for row, picked in _replay(track.column(name), ends, pick):
                    values[row] = picked
                stored[name] = values
            derived = track.group.derive(names, stored, timestamps[:, None])
            for item in items:
                value = derived.get(item.name)
                if value is None:
                    value = track.column(item.name).decode(stored[item.name])
                result[item.name] = value.astype(np.float32) if item.dtype == "number" else value
        return result

    def _track(self, group: FeatureGroup) -> _Track:
        if group.name not in self._tracks:
            file = self._tables.file(group.name)
            table = pl.read_parquet(file, columns=[Columns.ITEM_ID, Columns.TIMESTAMP])
            codes = pl.Series(self.item_ids.tolist(), dtype=pl.String)
            order = pl.DataFrame({Columns.ITEM_ID: codes}).with_row_index("code")
            joined = table.select(Columns.ITEM_ID).join(
                order, on=Columns.ITEM_ID, how="left", maintain_order="left"
            )
            self._tracks[group.name] = _Track(
                group,
                file,
                joined["code"].cast(pl.Int64).to_numpy(),
                table[Columns.TIMESTAMP].dt.epoch("us").to_numpy(),
                len(self.item_ids),
            )
        return self._tracks[group.name]


def _replay(
    column: _Column,
    ends: list[int],
    pick: Callable[[int, NDArray[np.float64]], NDArray[np.float64]],
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for row, end in enumerate(ends):
        yield row, pick(row, column.advance(end))


def _coded(feature: Feature, values: pl.Series) -> tuple[Array | None, NDArray[np.float64]]:
    """Return the levels (None for numbers) and the number that stands for each value."""
    if feature.dtype in ("number", "instant"):
        return None, values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    levels = values.drop_nulls().unique(maintain_order=True)
    order = levels.to_frame("value").with_row_index("code")
    coded = values.to_frame("value").join(order, on="value", how="left", maintain_order="left")
    numbers = coded["code"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if isinstance(values.dtype, pl.List):
        width = max(int(levels.list.len().max() or 0), 1)  # type: ignore[arg-type]
        with_missing = levels.extend(pl.Series([[]], dtype=levels.dtype))
        return padded(with_missing, width, "", at_front=False), numbers
    return np.array([*levels.to_list(), ""], dtype=object), numbers
