"""What is known of an item before anybody watches it, as arrays that any model can read.

A title becomes tokens: its words, and the runs of three characters within them, so that "Hobbit"
and "Hobbits" share most of theirs. Tokens are hashed into a fixed number of ids (Weinberger et al.
2009, "Feature hashing for large scale multitask learning"), so a catalogue may grow without a
vocabulary to grow with it. Genres have a vocabulary, since they are few. A release year counts by
how old it makes the item at the cut, since a year of its own says nothing about years to come.

What a dataset does not have is zeros: a model learns nothing from it, and nothing breaks.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids

NUM_TOKEN_IDS = 2**14
"""Ids that tokens are hashed into, 0 among them, which stands for none."""
MAX_TOKENS = 32
"""Most tokens of a title; words come first, so that only runs of characters are cut."""
RUN_LENGTH = 3
RELEASE_VALUES = 3
"""How many numbers `ItemContent.release` has of an item."""
LONGEST_LOG_AGE = np.log1p(100.0)
"""log1p of a hundred years: the end of the scale of ages."""


@dataclass(frozen=True, slots=True)
class ItemContent:
    """The content of items, row for row in the order of their ids."""

    tokens: NDArray[np.int32]
    """Hashed title tokens below `NUM_TOKEN_IDS`, 0 where padded. Shape: [items, tokens]."""
    genres: NDArray[np.int32]
    """Places in the sorted vocabulary of genres, from 1; 0 where padded. Shape: [items, values]."""
    release: NDArray[np.float32]
    """Whether the year is known, the scaled log of the age in years, and whether it is of the
    reference year or later; zeros where unknown. Shape: [items, 3]."""
    genre_names: tuple[str, ...]
    """The vocabulary of genres, sorted."""

    @property
    def num_genres(self) -> int:
        """Size of the vocabulary of genres, with index 0."""
        return len(self.genre_names) + 1

    def __len__(self) -> int:
        return len(self.tokens)


def item_content(items: pl.DataFrame, item_ids: Ids, reference_year: int) -> ItemContent:
    """Return the content of some items.

    Args:
        items: The catalogue; title, genres and release year are read where it has them.
        item_ids: Which items; one that the catalogue lacks has no content. Shape: [items].
        reference_year: In which an item's age is 0, such as the year of the cut.
    """
    wanted = pl.DataFrame({Columns.ITEM_ID: item_ids.astype(str)})
    rows = wanted.join(items, on=Columns.ITEM_ID, how="left", maintain_order="left")
    titles = _column(rows, Columns.TITLE, pl.String).to_list()
    genres = _column(rows, Columns.GENRES, pl.List(pl.String)).to_list()
    years = _column(rows, Columns.RELEASE_YEAR, pl.Float64).to_list()
    everything = _column(items, Columns.GENRES, pl.List(pl.String))
    vocabulary = everything.explode().drop_nulls().unique().sort().to_list()
    place = {genre: index + 1 for index, genre in enumerate(vocabulary)}
    return ItemContent(
        tokens=_rows([title_tokens(title or "") for title in titles]),
        genres=_rows([[place[genre] for genre in some or () if genre] for some in genres]),
        release=np.array([_release(year, reference_year) for year in years], np.float32).reshape(
            -1, RELEASE_VALUES
        ),
        genre_names=tuple(vocabulary),
    )


def title_tokens(title: str) -> list[int]:
    """Return the hashed tokens of a title, words first, each once, at most `MAX_TOKENS`.

    Case, accents and punctuation do not matter.

    >>> title_tokens("AMÉLIE") == title_tokens("amelie!")
    True
    """
    tokens = dict.fromkeys(_tokens(title))
    hashed = (1 + zlib.crc32(token.encode()) % (NUM_TOKEN_IDS - 1) for token in tokens)
    return list(dict.fromkeys(hashed))[:MAX_TOKENS]


def _tokens(title: str) -> Iterator[str]:
    """Yield words, then the runs of characters of each word between its boundaries."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.findall(r"\w+", plain)
    yield from words
    for word in words:
        bounded = f"<{word}>"
        for start in range(len(bounded) - RUN_LENGTH + 1):
            yield f"#{bounded[start : start + RUN_LENGTH]}"


def _release(year: float | None, reference_year: int) -> tuple[float, float, float]:
    if year is None:
        return 0.0, 0.0, 0.0
    age = max(reference_year - year, 0.0)
    return 1.0, min(float(np.log1p(age) / LONGEST_LOG_AGE), 1.0), float(year >= reference_year)


def _column(rows: pl.DataFrame, name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Return a column, nulls where the table has none."""
    if name not in rows.columns:
        return pl.Series(name, [None] * len(rows), dtype=dtype)
    return rows[name].cast(dtype)


def _rows(lists: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Return lists as one array, padded with 0 at the end; at least one column wide."""
    width = max(max(map(len, lists), default=0), 1)
    array = np.zeros((len(lists), width), np.int32)
    for row, values in enumerate(lists):
        array[row, : len(values)] = values
    return array
