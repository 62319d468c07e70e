"""Genres: what items are about, as numbers that lists of items can be held against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns


@dataclass(frozen=True, slots=True)
class Genres:
    """Which genres each item has; an item that is unknown, or of no genre, has none."""

    places: dict[str, int]
    """The row of each item."""
    has: NDArray[np.bool_]
    """Whether an item is of a genre; the last row is that of unknown items.
    Shape: [items + 1, genres]."""

    @classmethod
    def of(cls, items: pl.DataFrame) -> Self:
        """Read the genres of a catalogue: a table with `item_id` and the lists `genres`."""
        places = {item_id: row for row, item_id in enumerate(items[Columns.ITEM_ID])}
        pairs = (
            items.select(pl.int_range(pl.len()).alias("row"), Columns.GENRES)
            .explode(Columns.GENRES)
            .drop_nulls()
        )
        codes = pairs[Columns.GENRES].rank("dense").cast(pl.Int64).to_numpy() - 1
        has = np.zeros((len(items) + 1, int(codes.max(initial=-1)) + 1), bool)
        has[pairs["row"].to_numpy(), codes] = True
        return cls(places, has)

    def rows(self, item_ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of items in `has`. Shape: [items]."""
        find, unknown = self.places.get, len(self.has) - 1
        return np.array([find(item_id, unknown) for item_id in item_ids], np.int64)

    @property
    def shares(self) -> NDArray[np.float64]:
        """How an item's weight is divided between its genres. Shape: [items + 1, genres]."""
        totals = self.has.sum(axis=1, keepdims=True)
        shares = np.zeros(self.has.shape)
        np.divide(self.has, totals, out=shares, where=totals > 0)
        return shares
