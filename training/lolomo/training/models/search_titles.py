"""Titles as sparse tables: which items a typed text can mean, computed inside a SavedModel.

The same graph functions cut up titles when a model is fitted and texts when it is asked, so both
sides agree by construction. A text is lower-cased, and whatever is no letter or digit is a space.

Three tables hold hashes of pieces of titles and the items that have them (64-bit fingerprints, so
that no vocabulary of pieces is needed):

- `starts`: each title from each of its words on, as far as one may have typed it;
- `words`: the beginnings of each word;
- `grams`: runs of two and three characters, each weighed by how rare it is (TF-IDF, Spärck Jones
  1972), which survive a slip of the finger (Damerau 1964).

Axes: `batch` (queries), `items` (the vocabulary), `pieces` (of one text, ragged).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Ids
from lolomo.training.models.export import Tensor

MAX_START: Final = 24
"""Characters of a text that must fit the beginning of a title; more are not looked at."""
MAX_WORD: Final = 12
"""Characters of a word that must fit the beginning of a word."""
GRAM_WIDTHS: Final = (2, 3)
NUM_HASHES: Final = 2**62


def normalised(text: Tensor) -> Tensor:
    """Return text in lower case, its words apart by one space. Shape: [batch]."""
    from lolomo.runtimes.tensorflow import tf

    lower = tf.strings.lower(text, encoding="utf-8")
    return tf.strings.strip(tf.strings.regex_replace(lower, r"[^\pL\pN]+", " "))


def starts_of(text: Tensor) -> Tensor:
    """Return the hash of what must begin a title, none for no text. Shape: [batch, pieces]."""
    from lolomo.runtimes.tensorflow import tf

    cut = tf.strings.substr(text, 0, MAX_START, unit="UTF8_CHAR")
    return _hashes(tf.ragged.boolean_mask(cut[:, None], (text != "")[:, None]))


def words_of(text: Tensor) -> Tensor:
    """Return the hashes of a text's words. Shape: [batch, pieces]."""
    from lolomo.runtimes.tensorflow import tf

    words = tf.strings.split(text)
    return _hashes(words.with_values(tf.strings.substr(words.values, 0, MAX_WORD, "UTF8_CHAR")))


def grams_of(text: Tensor) -> Tensor:
    """Return the hashes of a text's character runs, a space before each word. [batch, pieces]."""
    from lolomo.runtimes.tensorflow import tf

    spaced = tf.where(text == "", text, tf.strings.join([" ", text]))
    letters = tf.strings.unicode_split(spaced, "UTF-8")
    return _hashes(tf.concat([tf.strings.ngrams(letters, n, "") for n in GRAM_WIDTHS], axis=1))


def _hashes(pieces: Tensor) -> Tensor:
    from lolomo.runtimes.tensorflow import tf

    return pieces.with_values(tf.strings.to_hash_bucket_fast(pieces.values, NUM_HASHES))


@dataclass(frozen=True)
class Table:
    """Which items have a piece."""

    hashes: NDArray[np.int64]
    """Of each piece, ascending. Shape: [pieces]."""
    splits: NDArray[np.int64]
    """Where the items of each piece begin in `items`. Shape: [pieces + 1]."""
    items: NDArray[np.int32]
    """Shape: [entries]."""

    @classmethod
    def of(cls, hashes: NDArray[np.int64], items: NDArray[np.int64]) -> "Table":
        """Return the table of pairs of a piece and an item, each counted once."""
        pairs = np.unique(np.stack([hashes, items], axis=1), axis=0)
        distinct, starts = np.unique(pairs[:, 0], return_index=True)
        splits = np.append(starts, len(pairs)).astype(np.int64)
        return cls(distinct, splits, pairs[:, 1].astype(np.int32))

    @property
    def rarity(self) -> NDArray[np.float32]:
        """How few items have each piece, squared for a cosine. Shape: [pieces]."""
        counts = np.diff(self.splits)
        idf: NDArray[np.float32] = np.log((counts.max(initial=0) + 1) / counts) ** 2
        return (idf + 1e-3).astype(np.float32)


class Lookup:
    """A table inside a graph.

    Args:
        table: What to look up.
        num_items: Size of the vocabulary.
        weights: What finding each piece is worth; 1 if None. Shape: [pieces].
    """

    def __init__(
        self, table: Table, num_items: int, weights: NDArray[np.float32] | None = None
    ) -> None:
        from lolomo.runtimes.tensorflow import tf

        worth = np.ones(len(table.hashes), np.float32) if weights is None else weights
        self._num_items = num_items
        self.variables = [
            tf.Variable(values, trainable=False)
            for values in (table.hashes, table.splits, table.items, worth)
        ]

    def __call__(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Look pieces up.

        Args:
            pieces: Hashes, ragged. Shape: [batch, pieces].

        Returns:
            What the pieces of each text that an item has are worth `[batch, items]`, and what all
            of its pieces are worth `[batch]`, an unknown one as much as the rarest.
        """
        from lolomo.runtimes.tensorflow import tf

        hashes, splits, items, worth = self.variables
        place = tf.minimum(tf.searchsorted(hashes, pieces.values), tf.size(hashes) - 1)
        found = tf.gather(hashes, place) == pieces.values
        first = tf.gather(splits, place)
        last = tf.where(found, tf.gather(splits, place + 1), first)
        spans = tf.ragged.range(first, last)
        values = tf.where(found, tf.gather(worth, place), tf.reduce_max(worth))
        batch = tf.cast(pieces.nrows(), tf.int32)
        rows = tf.cast(pieces.value_rowids(), tf.int32)
        owners = tf.gather(rows, spans.value_rowids()) * self._num_items
        matched = tf.math.unsorted_segment_sum(
            tf.gather(values, spans.value_rowids()),
            owners + tf.gather(items, spans.values),
            batch * self._num_items,
        )
        total = tf.math.unsorted_segment_sum(values, rows, batch)
        return tf.reshape(matched, [batch, self._num_items]), total


@dataclass(frozen=True)
class TitleIndex:
    """The three tables of a catalogue."""

    item_ids: Ids
    """Shape: [items]."""
    titles: Sequence[str]
    """Normalised; "" where an item has none. Shape: [items]."""

    @classmethod
    def of(cls, item_ids: Ids, titles: Sequence[str | None]) -> "TitleIndex":
        """Return the index of a catalogue.

        Args:
            item_ids: Shape: [items].
            titles: As members read them, None where unknown. Shape: [items].
        """
        from lolomo.runtimes.tensorflow import tf

        texts = normalised(tf.constant([title or "" for title in titles], tf.string)).numpy()
        return cls(item_ids, [text.decode() for text in texts])

    @cached_property
    def starts(self) -> Table:
        """Beginnings of titles, from each of their words on."""
        pieces = [
            (text[:length], item)
            for item, title in enumerate(self.titles)
            for text in _tails(title)
            for length in range(1, min(len(text), MAX_START) + 1)
        ]
        return _table(pieces)

    @cached_property
    def words(self) -> Table:
        """Beginnings of words."""
        pieces = [
            (word[:length], item)
            for item, title in enumerate(self.titles)
            for word in title.split()
            for length in range(1, min(len(word), MAX_WORD) + 1)
        ]
        return _table(pieces)

    @cached_property
    def grams(self) -> Table:
        """Character runs."""
        from lolomo.runtimes.tensorflow import tf

        ragged = grams_of(tf.constant(list(self.titles), tf.string))
        return Table.of(ragged.values.numpy(), ragged.value_rowids().numpy())


def _tails(title: str) -> list[str]:
    """Return a title from each of its words on."""
    words = title.split()
    return [" ".join(words[start:]) for start in range(len(words))]


def _table(pieces: Sequence[tuple[str, int]]) -> Table:
    from lolomo.runtimes.tensorflow import tf

    texts = tf.constant([text for text, _ in pieces] or [""], tf.string)
    hashes = tf.strings.to_hash_bucket_fast(texts, NUM_HASHES).numpy()
    return Table.of(hashes, np.array([item for _, item in pieces] or [0], np.int64))
