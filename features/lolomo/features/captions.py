"""Captions: what members read of an item, its title, genres and year.

A hundred pages with two hundred titles each show some 1,500 different ones. So captions are made
once and kept, a bounded number of them, for as long as the snapshot that they are read from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids

MOST: Final = 10_000
"""How many are kept: some 5 MB."""
NAMES: Final = (Columns.TITLE, Columns.GENRES, Columns.RELEASE_YEAR)
Read: TypeAlias = Callable[[Ids, Sequence[str]], Mapping[str, NDArray[Any]]]
"""Returns features of items by name."""


class Caption(NamedTuple):
    """What members read of an item."""

    title: str
    """The item's id where it has none."""
    genres: tuple[str, ...]
    year: int | None


class Captions:
    """Makes captions, and keeps them until there are too many.

    Safe to use from several threads: where there are too many it begins a new collection.

    Args:
        read: Reads the snapshot.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: dict[str, Caption] = {}

    def of(self, item_ids: Sequence[str]) -> Mapping[str, Caption]:
        """Return the captions of items, among others, by item."""
        kept = self._kept
        missing = [item_id for item_id in item_ids if item_id not in kept]
        if not missing:
            return kept
        if len(kept) + len(missing) > MOST:
            kept, missing = {}, list(item_ids)
        values = self._read(np.array(missing, object), NAMES)
        columns = (values[name].tolist() for name in NAMES)
        for item_id, title, genres, year in zip(missing, *columns, strict=True):
            kept[item_id] = Caption(
                title or item_id, tuple(filter(None, genres)), int(year) if year == year else None
            )
        self._kept = kept
        return kept
