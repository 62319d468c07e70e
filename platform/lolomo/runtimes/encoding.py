"""Turns a ranker's query into the numeric matrix that a tree reads, in training and in serving.

The vocabularies are fixed when the model is fitted and travel in the release, so that both sides
build the same columns. A missing number stays NaN; an unseen category becomes NaN; a feature of
many categories becomes one 0/1 column each. What a query says once of its user or context is
repeated for each of its candidates. If the genres of past items are known, one column more tells
how much of the recent history shares the candidate's genres.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError, RequestError
from lolomo.core.recommender import Query, Scores

GENRE_AFFINITY = "genre_affinity"
HALVING_LENGTH = 10.0
"""In the genre affinity, an item this many places further back in the history counts half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What each column is made from."""

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Vocabulary of each feature that is one category."""
    many: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Vocabulary of each feature that is several categories at once."""
    item_genres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Positions in the vocabulary of `genres` that each item has; empty for no genre affinity."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays that a query must have, those of `candidates` first."""
        history = (Columns.HISTORY_ITEM_IDS,) if self.item_genres else ()
        return (Columns.CANDIDATES, *self.numbers, *self.categories, *self.many, *history)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns, in order."""
        hot = [f"{name}={value}" for name, values in self.many.items() for value in values]
        affinity = [GENRE_AFFINITY] if self.item_genres else []
        return (*self.numbers, *self.categories, *hot, *affinity)

    def matrix(self, query: Query) -> Scores:
        """Return one row a candidate. Shape: [batch * candidates, columns].

        Raises:
            RequestError: If an input is missing.
        """
        missing = sorted(set(self.inputs) - query.keys())
        if missing:
            raise RequestError(f"the query lacks {missing}; expected inputs {list(self.inputs)}")
        batch, candidates = query[Columns.CANDIDATES].shape
        matrix = np.empty((batch, candidates, len(self.columns)), np.float32)
        single = [query[name] for name in self.numbers]
        single += [_codes(query[name], values) for name, values in self.categories.items()]
        for column, values in enumerate(single):
            matrix[:, :, column] = values[:, None] if values.ndim == 1 else values
        column = len(single)
        for name, vocabulary in self.many.items():
            hot = _hot(query[name], len(vocabulary), _positions(vocabulary))
            matrix[:, :, column : column + len(vocabulary)] = hot if hot.ndim == 3 else hot[:, None]
            column += len(vocabulary)
            if self.item_genres and name == Columns.GENRES:
                matrix[:, :, -1] = self._affinity(query[Columns.HISTORY_ITEM_IDS], hot)
        return matrix.reshape(batch * candidates, len(self.columns))

    def _affinity(self, history: NDArray[Any], hot: Scores) -> Scores:
        """Return the share of the recent history in each genre, averaged over a candidate's."""
        profile = np.zeros((len(history), hot.shape[2]), np.float32)
        weights = 0.5 ** (np.arange(history.shape[1])[::-1] / HALVING_LENGTH)
        for row, ids in enumerate(history):
            for item_id, weight in zip(ids, weights, strict=True):
                genres = self.item_genres.get(item_id, ())
                profile[row, list(genres)] += weight / max(len(genres), 1)
        profile /= np.maximum(profile.sum(axis=1, keepdims=True), 1e-9)
        shares = np.einsum("bcg,bg->bc", hot, profile)
        affinity: Scores = shares / np.maximum(hot.sum(axis=2), 1)
        return affinity

    def to_json(self) -> str:
        """Return the encoding as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what `to_json` wrote.

        Raises:
            ReleaseError: If the text is not an encoding of this version.
        """
        try:
            values = json.loads(text)
            maps = {
                name: {key: tuple(value) for key, value in values[name].items()}
                for name in ("categories", "many", "item_genres")
            }
            return cls(numbers=tuple(values["numbers"]), **maps)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReleaseError(
                f"the encoding cannot be read ({error!r}): publish the release again"
            ) from error


def _positions(vocabulary: Sequence[str]) -> dict[str, int]:
    """Return each value's place."""
    return {value: position for position, value in enumerate(vocabulary)}


def _codes(values: NDArray[Any], vocabulary: Sequence[str]) -> Scores:
    """Return each value's position in the vocabulary, NaN if it has none. Same shape."""
    position = _positions(vocabulary)
    codes = [position.get(value, np.nan) for value in values.ravel()]
    return np.array(codes, np.float32).reshape(values.shape)


def _hot(values: NDArray[Any], size: int, position: Mapping[str, int]) -> Scores:
    """Return 1 where a value is present. From [..., values] to [..., size]."""
    flat = values.reshape(-1, values.shape[-1])
    codes = np.array([position.get(value, -1) for value in flat.ravel()], np.int64)
    rows = np.repeat(np.arange(len(flat)), flat.shape[1])
    hot = np.zeros((len(flat), size), np.float32)
    known = codes >= 0
    hot[rows[known], codes[known]] = 1.0
    return hot.reshape(*values.shape[:-1], size)
